/**
 * The security stage of a login, the initiator's side (RFC 7143 section 12.1).
 *
 *     method ──AuthMethod=CHAP──► challenge ──CHAP_A, CHAP_I, CHAP_C──► proof ──[CHAP_N, CHAP_R]──► passed
 *        └──AuthMethod=None, where we have no credentials──────────────────────────────────────────►
 */

import { PeerError } from "../base/errors.ts";
import {
  type Challenge,
  CHAP_ALGORITHMS,
  type ChapPrimitives,
  chosenAlgorithm,
  isReflected,
  makeChallenge,
  parseChallenge,
  renderChallenge,
  renderResponse,
  respond,
  verifyClaim,
} from "./chap.ts";
import type { InitiatorChap } from "./initiator_login.ts";
import { SECURITY_KEYS } from "./keys.ts";
import { type Pair, refuseRepeats } from "./text.ts";

type State = "method" | "challenge" | "proof" | "passed";

export class InitiatorSecurity {
  readonly #chap: InitiatorChap | undefined;
  readonly #primitives: ChapPrimitives;
  readonly #algorithms: readonly number[];
  #state: State = "method";
  /** What the target has to answer. */
  #ours: Challenge | undefined;

  /** @throws {RangeError} where the same secret is to serve both directions */
  constructor(
    options: {
      readonly chap?: InitiatorChap;
      readonly primitives: ChapPrimitives;
    },
  ) {
    this.#chap = options.chap;
    this.#primitives = options.primitives;
    this.#algorithms = options.chap?.algorithms ?? CHAP_ALGORITHMS;
    const target = options.chap?.target;
    if (
      options.chap && target &&
      options.primitives.equal(options.chap.initiator.secret, target.secret)
    ) {
      throw new RangeError(
        "Mutual CHAP needs two secrets: the same was given for both directions",
      );
    }
  }

  /** Whether everything that was demanded has been proven. */
  get passed(): boolean {
    return this.#state === "passed";
  }

  /** Whether we have nothing more to say: the request that goes out now may ask for the next stage. */
  get said(): boolean {
    return this.#state === "passed" || this.#state === "proof" ||
      (this.#state === "method" && this.#chap === undefined);
  }

  start(): Pair[] {
    return [{
      key: "AuthMethod",
      value: this.#chap === undefined ? "None" : "CHAP",
    }];
  }

  /** Takes the pairs of one text, others' keys among them. Gives the next ones to send. @throws {PeerError} */
  receive(pairs: readonly Pair[]): Pair[] {
    refuseRepeats(pairs);
    const keys = new Map<string, string>();
    for (const { key, value } of pairs) {
      if (SECURITY_KEYS.has(key)) keys.set(key, value);
    }
    switch (this.#state) {
      case "method":
        return this.#method(keys);
      case "challenge":
        return this.#answer(keys);
      case "proof":
        return this.#check(keys);
      case "passed":
        if (keys.size > 0) {
          throw new PeerError("Security keys came after authentication");
        }
        return [];
    }
  }

  #method(keys: ReadonlyMap<string, string>): Pair[] {
    const method = keys.get("AuthMethod");
    if (this.#chap === undefined) {
      // A target may leave the answer out where None is all that was offered.
      if (method !== undefined && method !== "None") {
        throw new PeerError(`The target asks for AuthMethod=${method}`);
      }
      this.#state = "passed";
      return [];
    }
    if (method !== "CHAP") {
      throw new PeerError("The target would go on without authentication");
    }
    this.#state = "challenge";
    return [{ key: "CHAP_A", value: this.#algorithms.join(",") }];
  }

  #answer(keys: ReadonlyMap<string, string>): Pair[] {
    const chap = this.#chap!;
    const algorithm = chosenAlgorithm(due(keys, "CHAP_A"), this.#algorithms);
    const theirs = parseChallenge(algorithm, {
      CHAP_I: due(keys, "CHAP_I"),
      CHAP_C: due(keys, "CHAP_C"),
    });
    const { user, secret } = chap.initiator;
    const answers: Pair[] = [
      { key: "CHAP_N", value: user },
      {
        key: "CHAP_R",
        value: renderResponse(
          respond(theirs, { secret, primitives: this.#primitives }),
        ),
      },
    ];
    if (chap.target === undefined) {
      this.#state = "passed";
      return answers;
    }
    this.#ours = makeChallenge(algorithm, this.#primitives);
    if (isReflected(this.#ours, theirs)) {
      throw new PeerError("Both sides have the same CHAP challenge");
    }
    const { CHAP_I, CHAP_C } = renderChallenge(this.#ours);
    answers.push({ key: "CHAP_I", value: CHAP_I });
    answers.push({ key: "CHAP_C", value: CHAP_C });
    this.#state = "proof";
    return answers;
  }

  #check(keys: ReadonlyMap<string, string>): Pair[] {
    const target = this.#chap!.target!;
    const proven = verifyClaim(
      { CHAP_N: due(keys, "CHAP_N"), CHAP_R: due(keys, "CHAP_R") },
      {
        challenge: this.#ours!,
        users: [target],
        primitives: this.#primitives,
      },
    );
    if (proven === undefined) {
      throw new PeerError("The target could not prove who it is");
    }
    this.#state = "passed";
    return [];
  }
}

function due(keys: ReadonlyMap<string, string>, key: string): string {
  const value = keys.get(key);
  if (value === undefined) {
    throw new PeerError(`The target's ${key} was due and did not come`);
  }
  return value;
}
