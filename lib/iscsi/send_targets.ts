/**
 * SendTargets (RFC 7143 appendix C): what a discovery session asks, and its answer.
 *
 *     TargetName=iqn.…   TargetAddress=127.0.0.1:3260,1   TargetAddress=…   TargetName=…
 */

import { PeerError } from "../base/errors.ts";
import { parseNumber } from "./numeric.ts";
import type { Pair } from "./text.ts";

/** Longest iSCSI name (RFC 7143 section 4.2.7.1). */
export const MAX_NAME_BYTES = 223;

/** Where a target listens. */
export interface TargetAddress {
  /** A DNS name, IPv4 address, or IPv6 address without its brackets. */
  readonly hostname: string;
  /** 3260 where the target names none. */
  readonly port: number;
  /** Target portal group tag. */
  readonly tag: number;
}

/** A target that a portal tells of. */
export interface DiscoveredTarget {
  /** Its iSCSI name. */
  readonly name: string;
  /** Where it can be reached; empty: at the portal that told. */
  readonly addresses: readonly TargetAddress[];
}

/** The port where TargetAddress names none (RFC 7143 section 13.8). */
export const DEFAULT_PORT = 3260;

/** Whom SendTargets asks about: all, one by name, or (empty value) the one that the session is logged in to. */
export type Asked =
  | { readonly kind: "all" }
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "session" };

/** What the value of a SendTargets key asks for. */
export function parseSendTargets(value: string): Asked {
  if (value === "All") return { kind: "all" };
  return value === "" ? { kind: "session" } : { kind: "name", name: value };
}

/** Whether `name` may be an iSCSI name: not empty, not too long, and without what would break other texts. */
export function isName(name: string): boolean {
  return name.length > 0 && name.length <= MAX_NAME_BYTES &&
    /^[\p{L}\p{N}.:\-_]+$/u.test(name);
}

/** One TargetAddress value. */
export function renderAddress({ hostname, port, tag }: TargetAddress): string {
  return `${
    hostname.includes(":") ? `[${hostname}]` : hostname
  }:${port},${tag}`;
}

/** One TargetAddress value; the port may be missing, the tag too. @throws {PeerError} where it is malformed */
export function parseAddress(value: string): TargetAddress {
  const match =
    /^(?:\[([0-9A-Fa-f:.%]+)\]|([^:,[\]]+))(?::(\d{1,5}))?(?:,(\d{1,5}))?$/
      .exec(value);
  const hostname = match?.[1] ?? match?.[2];
  const port = parseNumber(match?.[3] ?? String(DEFAULT_PORT));
  const tag = parseNumber(match?.[4] ?? "1");
  if (
    hostname === undefined || port === undefined || port > 65535 ||
    tag === undefined || tag > 65535
  ) throw new PeerError("A TargetAddress is malformed");
  return { hostname, port, tag };
}

/** The answer's pairs. */
export function renderTargets(targets: readonly DiscoveredTarget[]): Pair[] {
  return targets.flatMap(({ name, addresses }) => [
    { key: "TargetName", value: name },
    ...addresses.map((address) => ({
      key: "TargetAddress",
      value: renderAddress(address),
    })),
  ]);
}

/** The targets that an answer tells of; other keys are passed over. @throws {PeerError} where it is malformed */
export function parseTargets(pairs: readonly Pair[]): DiscoveredTarget[] {
  const targets: { name: string; addresses: TargetAddress[] }[] = [];
  for (const { key, value } of pairs) {
    if (key === "TargetName") {
      if (!isName(value)) throw new PeerError("A TargetName is malformed");
      targets.push({ name: value, addresses: [] });
    } else if (key === "TargetAddress") {
      const target = targets.at(-1);
      if (target === undefined) {
        throw new PeerError("A TargetAddress came before any TargetName");
      }
      target.addresses.push(parseAddress(value));
    }
  }
  return targets;
}
