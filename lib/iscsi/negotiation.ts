/**
 * Operational negotiation (RFC 7143 sections 6.2 and 13), either role.
 *
 * A key is settled once: by the answer to what we proposed, by our answer to what the peer proposed, or by the peer's
 * declaration. Its coming again is the peer's error, unless it is the same name again. What is never settled keeps its default.
 */

import { PeerError } from "../base/errors.ts";
import {
  IRRELEVANT,
  type Key,
  keyOf,
  KEYS,
  MAX_RECV_DATA_SEGMENT_LENGTH_RANGE,
  NOT_UNDERSTOOD,
  type NumberKey,
  REJECT,
  SECURITY_KEYS,
} from "./keys.ts";
import { parseNumber } from "./numeric.ts";
import type { Offer } from "./offer.ts";
import {
  DEFAULT_PARAMETERS,
  type Parameters,
  type SessionType,
} from "./parameters.ts";
import { type Pair, refuseRepeats } from "./text.ts";

export type Role = "initiator" | "target";

type Value = string | number | boolean;

/** Keys that an initiator does not propose: the defaults are what it wants. */
const NOT_PROPOSED: ReadonlySet<string> = new Set([
  "TaskReporting",
  "iSCSIProtocolLevel",
]);

/** Declarations of who is there, which may be said again in the same words. */
const SAID_AGAIN: ReadonlySet<string> = new Set([
  "InitiatorName",
  "InitiatorAlias",
  "TargetName",
  "SessionType",
]);

export interface NegotiationOptions {
  readonly role: Role;
  readonly offer: Offer;
  readonly sessionType: SessionType;
  /** In the full feature phase: what holds so far. Only keys of use ALL may still change. */
  readonly since?: Parameters;
}

export class Negotiation {
  readonly #role: Role;
  readonly #offer: Offer;
  readonly #sessionType: SessionType;
  readonly #since: Parameters | undefined;
  readonly #agreed = new Map<keyof Parameters, Value>();
  /** Keys proposed by us and not answered yet, with their value. */
  readonly #proposed = new Map<string, string>();
  /** Keys that are settled, with the peer's value. */
  readonly #settled = new Map<string, string>();
  #declared = false;

  constructor(options: NegotiationOptions) {
    this.#role = options.role;
    this.#offer = options.offer;
    this.#sessionType = options.sessionType;
    this.#since = options.since;
  }

  /** What holds now. */
  get parameters(): Parameters {
    const agreed: Parameters = {
      ...(this.#since ?? DEFAULT_PARAMETERS),
      sessionType: this.#sessionType,
      ...Object.fromEntries(this.#agreed),
    };
    return {
      ...agreed,
      firstBurstLength: Math.min(
        agreed.firstBurstLength,
        agreed.maxBurstLength,
      ),
    };
  }

  /** Our MaxRecvDataSegmentLength, to be told once in the operational stage; nothing when called again. */
  declare(): Pair[] {
    if (this.#declared) return [];
    this.#declared = true;
    const length = this.#offer.maxRecvDataSegmentLength;
    this.#agreed.set("ourMaxRecvDataSegmentLength", length);
    return [{ key: "MaxRecvDataSegmentLength", value: String(length) }];
  }

  /** All that an initiator proposes and declares, for its first request of the operational stage. */
  propose(): Pair[] {
    const pairs = this.declare();
    for (const [name, key] of KEYS) {
      if (NOT_PROPOSED.has(name) || this.#irrelevant(key)) continue;
      const value = this.#proposal(key);
      if (value === undefined) continue;
      this.#proposed.set(name, value);
      pairs.push({ key: name, value });
    }
    return pairs;
  }

  /**
   * Takes the pairs of one whole text; security keys and login's own declarations must have been taken out or are passed over.
   *
   * @returns the answers, in the order of what they answer
   * @throws {PeerError} where a key comes again (other than who is there, said again), a declaration is out of its range, or an answer is not one
   */
  receive(pairs: readonly Pair[]): Pair[] {
    refuseRepeats(pairs);
    const answers = new Map<string, string>();
    // FirstBurstLength is answered with MaxBurstLength known: it must not exceed it.
    for (const pair of pairs) {
      if (pair.key !== "FirstBurstLength") this.#take(pair, answers);
    }
    for (const pair of pairs) {
      if (pair.key === "FirstBurstLength") this.#take(pair, answers);
    }
    return pairs.flatMap(({ key }) => {
      const value = answers.get(key);
      return value === undefined ? [] : [{ key, value }];
    });
  }

  #take({ key: name, value }: Pair, answers: Map<string, string>): void {
    if (SECURITY_KEYS.has(name)) return;
    const key = keyOf(name);
    const settled = this.#settled.get(name);
    if (settled !== undefined) {
      // libiscsi declares its name and the session's type in every stage; saying the same again changes nothing.
      if (SAID_AGAIN.has(name) && value === settled) return;
      throw new PeerError(`${name} was negotiated again`);
    }
    this.#settled.set(name, value);
    const proposed = this.#proposed.get(name);
    if (proposed !== undefined && key !== undefined) {
      this.#proposed.delete(name);
      this.#takeAnswer({ key: name, value }, key, proposed);
      return;
    }
    if (value === NOT_UNDERSTOOD || value === IRRELEVANT || value === REJECT) {
      throw new PeerError(`${name}=${value} answers nothing`);
    }
    const answer = key === undefined
      ? NOT_UNDERSTOOD
      : this.#answer({ key: name, value }, key);
    if (answer !== undefined) answers.set(name, answer);
  }

  /** Our answer to the peer's proposal, or undefined where none is due. */
  #answer({ key: name, value }: Pair, key: Key): string | undefined {
    if (key.sender !== "both" && key.sender === this.#role) {
      throw new PeerError(`${name} is not the peer's to send`);
    }
    if (key.kind === "declared") {
      if (name === "MaxRecvDataSegmentLength") this.#takeLength(value);
      return undefined;
    }
    if (key.kind === "obsolete") return key.answer;
    if (this.#since !== undefined) return REJECT;
    if (this.#irrelevant(key)) return IRRELEVANT;
    return this.#choose(key, value);
  }

  #choose(
    key: Exclude<Key, { kind: "declared" | "obsolete" }>,
    value: string,
  ): string {
    switch (key.kind) {
      case "and":
      case "or": {
        if (value !== "Yes" && value !== "No") return REJECT;
        const ours = this.#ours(key.parameter) === true;
        const theirs = value === "Yes";
        const agreed = key.kind === "and" ? ours && theirs : ours || theirs;
        this.#agreed.set(key.parameter, agreed);
        return agreed ? "Yes" : "No";
      }
      case "min":
      case "max": {
        const theirs = inRange(key, value);
        if (theirs === undefined) return REJECT;
        const ours = this.#ourNumber(key);
        const agreed = key.kind === "min"
          ? Math.min(ours, theirs)
          : Math.max(ours, theirs);
        this.#agreed.set(key.parameter, agreed);
        return String(agreed);
      }
      case "list": {
        const ours = this.#ourList(key.parameter);
        const agreed = value.split(",").find((item) => ours.includes(item));
        if (agreed === undefined) return REJECT;
        this.#agreed.set(key.parameter, listValue(key.parameter, agreed));
        return agreed;
      }
    }
  }

  /** The peer's answer to our proposal must be one that the proposal allows. */
  #takeAnswer({ key: name, value }: Pair, key: Key, proposed: string): void {
    // The key keeps its default.
    if (value === NOT_UNDERSTOOD || value === IRRELEVANT || value === REJECT) {
      return;
    }
    const wrong = () =>
      new PeerError(`${name}=${value} is no answer to ${name}=${proposed}`);
    switch (key.kind) {
      case "and":
      case "or": {
        // The outcome is open only where we proposed Yes to an AND or No to an OR.
        const open = key.kind === "and" ? "Yes" : "No";
        if (value !== "Yes" && value !== "No") throw wrong();
        if (proposed !== open && value !== proposed) throw wrong();
        this.#agreed.set(key.parameter, value === "Yes");
        return;
      }
      case "min":
      case "max": {
        const number = inRange(key, value);
        const ours = Number(proposed);
        if (
          number === undefined ||
          (key.kind === "min" ? number > ours : number < ours)
        ) throw wrong();
        this.#agreed.set(key.parameter, number);
        return;
      }
      case "list":
        if (!proposed.split(",").includes(value)) throw wrong();
        this.#agreed.set(key.parameter, listValue(key.parameter, value));
    }
  }

  #takeLength(value: string): void {
    const { lowest, highest } = MAX_RECV_DATA_SEGMENT_LENGTH_RANGE;
    const length = parseNumber(value);
    if (length === undefined || length < lowest || length > highest) {
      throw new PeerError(
        `MaxRecvDataSegmentLength must be ${lowest} to ${highest}`,
      );
    }
    this.#agreed.set("maxRecvDataSegmentLength", length);
  }

  #irrelevant(key: Key): boolean {
    return key.normalOnly === true && this.#sessionType === "Discovery";
  }

  #proposal(key: Key): string | undefined {
    switch (key.kind) {
      case "and":
      case "or":
        return this.#ours(key.parameter) === true ? "Yes" : "No";
      case "min":
      case "max":
        return String(this.#ourNumber(key));
      case "list":
        return this.#ourList(key.parameter).join(",");
      default:
        return undefined;
    }
  }

  #ours(parameter: keyof Parameters): Value | readonly string[] {
    return this.#offer[parameter as keyof Offer];
  }

  #ourList(parameter: keyof Parameters): readonly string[] {
    const ours = this.#ours(parameter);
    return Array.isArray(ours) ? ours : [];
  }

  /** FirstBurstLength never above the MaxBurstLength that holds. */
  #ourNumber(key: NumberKey): number {
    const ours = Number(this.#ours(key.parameter));
    return key.parameter === "firstBurstLength"
      ? Math.min(
        ours,
        Number(
          this.#agreed.get("maxBurstLength") ?? this.#offer.maxBurstLength,
        ),
      )
      : ours;
  }
}

function inRange(key: NumberKey, value: string): number | undefined {
  const number = parseNumber(value);
  return number !== undefined && number >= key.lowest && number <= key.highest
    ? number
    : undefined;
}

function listValue(parameter: keyof Parameters, value: string): Value {
  return parameter === "headerDigest" || parameter === "dataDigest"
    ? value === "CRC32C"
    : value;
}
