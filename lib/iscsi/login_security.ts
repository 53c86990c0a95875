/**
 * The security stage of a login, the target's side (RFC 7143 sections 12 and 12.1).
 *
 *     method ──AuthMethod=CHAP──► algorithm ──CHAP_A──► claim ──CHAP_N, CHAP_R──► passed
 *        └────AuthMethod=None, or nothing, where no user is configured──────────────►
 */

import {
  type Challenge,
  type ChapCredentials,
  type ChapPrimitives,
  chooseAlgorithm,
  isReflected,
  makeChallenge,
  parseChallenge,
  renderChallenge,
  renderResponse,
  respond,
  verifyClaim,
} from "./chap.ts";
import { SECURITY_KEYS } from "./keys.ts";
import { LoginFailure } from "./login_failure.ts";
import {
  AUTHENTICATION_FAILURE,
  INITIATOR_ERROR,
} from "./pdu/login_response.ts";
import type { Pair } from "./text.ts";

/** Who has to prove what to log in. */
export interface ChapPolicy {
  /** Who may log in. Empty: no proof is asked. */
  readonly users: readonly ChapCredentials[];
  /** What the target proves to initiators that ask. */
  readonly mutual?: ChapCredentials;
}

type State = "method" | "algorithm" | "claim" | "passed";

export class TargetSecurity {
  readonly #policy: ChapPolicy;
  readonly #primitives: ChapPrimitives;
  #state: State = "method";
  #challenge: Challenge | undefined;
  #user: string | undefined;

  constructor(
    options: {
      readonly policy: ChapPolicy | undefined;
      readonly primitives: ChapPrimitives;
    },
  ) {
    this.#policy = options.policy ?? { users: [] };
    this.#primitives = options.primitives;
  }

  /** Whether a proof is asked for. */
  get required(): boolean {
    return this.#policy.users.length > 0;
  }

  /** Whether the initiator may go on. Without a single AuthMethod it may where no proof is asked for. */
  get passed(): boolean {
    return this.#state === "passed" ||
      (this.#state === "method" && !this.required);
  }

  /** Whether the initiator has taken the first step. */
  get begun(): boolean {
    return this.#state !== "method";
  }

  /** The user that was proven. */
  get user(): string | undefined {
    return this.#user;
  }

  /** Takes the pairs of one text, others' keys among them. Gives the answers. @throws {LoginFailure} */
  receive(pairs: readonly Pair[]): Pair[] {
    const keys = new Map<string, string>();
    for (const { key, value } of pairs) {
      if (SECURITY_KEYS.has(key)) keys.set(key, value);
    }
    // A request without security keys moves nothing; how many of them may come is the login's limit.
    if (keys.size === 0) return [];
    switch (this.#state) {
      case "method":
        return this.#method(keys);
      case "algorithm":
        return this.#algorithm(keys);
      case "claim":
        return this.#claim(keys);
      case "passed":
        throw new LoginFailure(
          INITIATOR_ERROR,
          "Security keys came after the security negotiation had ended",
        );
    }
  }

  #method(keys: ReadonlyMap<string, string>): Pair[] {
    const offered = only(keys, ["AuthMethod"]).AuthMethod!.split(",");
    if (!this.required && offered.includes("None")) {
      this.#state = "passed";
      return [{ key: "AuthMethod", value: "None" }];
    }
    if (!this.required) {
      throw new LoginFailure(
        AUTHENTICATION_FAILURE,
        "The initiator insists on authentication, and the target has no users",
      );
    }
    if (!offered.includes("CHAP")) {
      throw new LoginFailure(
        AUTHENTICATION_FAILURE,
        "The target asks for CHAP, and the initiator did not offer it",
      );
    }
    this.#state = "algorithm";
    return [{ key: "AuthMethod", value: "CHAP" }];
  }

  #algorithm(keys: ReadonlyMap<string, string>): Pair[] {
    const offered = only(keys, ["CHAP_A"]).CHAP_A!;
    const algorithm = chooseAlgorithm(offered);
    if (algorithm === undefined) {
      throw new LoginFailure(
        AUTHENTICATION_FAILURE,
        "No common CHAP algorithm",
      );
    }
    this.#challenge = makeChallenge(algorithm.code, this.#primitives);
    const { CHAP_I, CHAP_C } = renderChallenge(this.#challenge);
    this.#state = "claim";
    return [
      { key: "CHAP_A", value: String(algorithm.code) },
      { key: "CHAP_I", value: CHAP_I },
      { key: "CHAP_C", value: CHAP_C },
    ];
  }

  #claim(keys: ReadonlyMap<string, string>): Pair[] {
    const mutual = keys.has("CHAP_I") || keys.has("CHAP_C");
    const { CHAP_N, CHAP_R, CHAP_I, CHAP_C } = only(
      keys,
      mutual ? ["CHAP_N", "CHAP_R", "CHAP_I", "CHAP_C"] : ["CHAP_N", "CHAP_R"],
    );
    const challenge = this.#challenge!;
    const user = verifyClaim(
      { CHAP_N: CHAP_N!, CHAP_R: CHAP_R! },
      { challenge, users: this.#policy.users, primitives: this.#primitives },
    );
    if (user === undefined) {
      throw new LoginFailure(AUTHENTICATION_FAILURE, "Wrong name or secret");
    }
    const answers = mutual
      ? this.#prove(
        user,
        parseChallenge(challenge.algorithm, {
          CHAP_I: CHAP_I!,
          CHAP_C: CHAP_C!,
        }),
      )
      : [];
    this.#user = user.user;
    this.#state = "passed";
    return answers;
  }

  /** Our side of mutual CHAP, once the initiator has proven itself. */
  #prove(user: ChapCredentials, theirs: Challenge): Pair[] {
    const ours = this.#policy.mutual;
    if (ours === undefined) {
      throw new LoginFailure(
        AUTHENTICATION_FAILURE,
        "The initiator asks for mutual CHAP, and the target has no secret for it",
      );
    }
    // RFC 7143 section 12.1.3: neither a challenge nor a secret may serve both directions.
    if (isReflected(this.#challenge!, theirs)) {
      throw new LoginFailure(
        AUTHENTICATION_FAILURE,
        "The initiator sent the target's own challenge back",
      );
    }
    if (this.#primitives.equal(user.secret, ours.secret)) {
      throw new LoginFailure(
        AUTHENTICATION_FAILURE,
        "The same CHAP secret is configured for both directions",
      );
    }
    return [
      { key: "CHAP_N", value: ours.user },
      {
        key: "CHAP_R",
        value: renderResponse(
          respond(theirs, {
            secret: ours.secret,
            primitives: this.#primitives,
          }),
        ),
      },
    ];
  }
}

/** The values of exactly the keys that are due now. @throws {LoginFailure} where one is missing or another came */
function only(
  keys: ReadonlyMap<string, string>,
  due: readonly string[],
): Record<string, string> {
  const values: Record<string, string> = {};
  for (const key of due) {
    const value = keys.get(key);
    if (value === undefined) {
      throw new LoginFailure(
        AUTHENTICATION_FAILURE,
        `${key} was due and did not come`,
      );
    }
    values[key] = value;
  }
  if (keys.size > due.length) {
    throw new LoginFailure(
      INITIATOR_ERROR,
      `Security keys came out of turn; due: ${due.join(", ")}`,
    );
  }
  return values;
}
