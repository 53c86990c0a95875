/** Who logs in and to what: the declarations of the first Login Request (RFC 7143 sections 6.3.1 and 13). */

import { LoginFailure } from "./login_failure.ts";
import type { SessionType } from "./parameters.ts";
import {
  INITIATOR_ERROR,
  MISSING_PARAMETER,
  SESSION_TYPE_NOT_SUPPORTED,
} from "./pdu/login_response.ts";
import { isName } from "./send_targets.ts";
import type { Pair } from "./text.ts";

export interface Identity {
  readonly sessionType: SessionType;
  readonly initiatorName: string;
  readonly initiatorAlias: string | undefined;
  /** Always there in a normal session, never in a discovery session. */
  readonly targetName: string | undefined;
}

/** @throws {LoginFailure} where a name is missing or malformed, or the session type is not known */
export function identityOf(pairs: readonly Pair[]): Identity {
  const value = (name: string) => pairs.find(({ key }) => key === name)?.value;
  const initiatorName = value("InitiatorName");
  if (initiatorName === undefined) {
    throw new LoginFailure(MISSING_PARAMETER, "InitiatorName is missing");
  }
  const sessionType = value("SessionType") ?? "Normal";
  if (sessionType !== "Normal" && sessionType !== "Discovery") {
    throw new LoginFailure(
      SESSION_TYPE_NOT_SUPPORTED,
      `SessionType=${sessionType} is not known`,
    );
  }
  // A discovery session is with the portal: a name given there says nothing (RFC 7143 section 4.3).
  const targetName = sessionType === "Normal" ? value("TargetName") : undefined;
  if (sessionType === "Normal" && targetName === undefined) {
    throw new LoginFailure(MISSING_PARAMETER, "TargetName is missing");
  }
  for (const name of [initiatorName, targetName]) {
    if (name !== undefined && !isName(name)) {
      throw new LoginFailure(INITIATOR_ERROR, "An iSCSI name is malformed");
    }
  }
  return {
    sessionType,
    initiatorName,
    initiatorAlias: value("InitiatorAlias"),
    targetName,
  };
}

/** Refuses a later text that would have it otherwise. @throws {LoginFailure} */
export function refuseOthers(
  identity: Identity,
  pairs: readonly Pair[],
): void {
  const said = new Map<string, string | undefined>([
    ["InitiatorName", identity.initiatorName],
    ["SessionType", identity.sessionType],
    ["TargetName", identity.targetName],
  ]);
  for (const { key, value } of pairs) {
    if (said.has(key) && said.get(key) !== value) {
      throw new LoginFailure(INITIATOR_ERROR, `${key} changed during login`);
    }
  }
}
