/** What the header of a Login Request must be like, by itself and after the first (RFC 7143 section 11.12). */

import { equalBytes } from "../base/bytes.ts";
import { LoginFailure } from "./login_failure.ts";
import {
  FULL_FEATURE_PHASE,
  LOGIN_OPERATIONAL_NEGOTIATION,
  type LoginRequest,
  SECURITY_NEGOTIATION,
} from "./pdu/login_request.ts";
import {
  INITIATOR_ERROR,
  SESSION_DOES_NOT_EXIST,
  TOO_MANY_CONNECTIONS,
  UNSUPPORTED_VERSION,
} from "./pdu/login_response.ts";

/** The only version that there is (RFC 7143 section 11.12.4). */
const VERSION = 0x00;

/** Stages that may follow a stage. */
const NEXT: Readonly<Record<number, readonly number[]>> = {
  [SECURITY_NEGOTIATION]: [LOGIN_OPERATIONAL_NEGOTIATION, FULL_FEATURE_PHASE],
  [LOGIN_OPERATIONAL_NEGOTIATION]: [FULL_FEATURE_PHASE],
};

/** @throws {LoginFailure} where a login cannot begin with this request */
export function checkFirst(
  request: LoginRequest,
  hasSession: (tsih: number) => boolean,
): void {
  if (request.versionMin > VERSION) {
    throw new LoginFailure(
      UNSUPPORTED_VERSION,
      `The initiator's lowest version is ${request.versionMin}`,
    );
  }
  checkStages(request);
  if (request.tsih === 0) return;
  // MaxConnections is 1: a session's second connection has no place, whatever its CID.
  throw hasSession(request.tsih)
    ? new LoginFailure(
      TOO_MANY_CONNECTIONS,
      `Session ${request.tsih} has its connection`,
    )
    : new LoginFailure(
      SESSION_DOES_NOT_EXIST,
      `There is no session ${request.tsih}`,
    );
}

/** @throws {LoginFailure} where this request does not go on with the login that `first` began, now in `stage` */
export function checkNext(
  request: LoginRequest,
  { first, stage }: { readonly first: LoginRequest; readonly stage: number },
): void {
  checkStages(request);
  if (request.csg !== stage) {
    throw new LoginFailure(
      INITIATOR_ERROR,
      `The login is in stage ${stage}, not ${request.csg}`,
    );
  }
  const same = equalBytes(request.isid, first.isid) &&
    request.tsih === first.tsih && request.cid === first.cid &&
    request.initiatorTaskTag === first.initiatorTaskTag;
  if (!same) {
    throw new LoginFailure(
      INITIATOR_ERROR,
      "ISID, TSIH, CID or Initiator Task Tag changed during login",
    );
  }
}

function checkStages({ csg, nsg, transit, continue: goesOn }: LoginRequest) {
  const next = NEXT[csg];
  if (next === undefined) {
    throw new LoginFailure(INITIATOR_ERROR, `A login has no stage ${csg}`);
  }
  if (transit && !next.includes(nsg)) {
    throw new LoginFailure(
      INITIATOR_ERROR,
      `Stage ${nsg} does not follow stage ${csg}`,
    );
  }
  if (transit && goesOn) {
    throw new LoginFailure(INITIATOR_ERROR, "T and C came together");
  }
}
