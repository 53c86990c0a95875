/**
 * CHAP (RFC 1994, RFC 7143 section 12.1), both roles.
 *
 *     authenticator                                  peer
 *                                     ◄── CHAP_A=<algorithms>
 *     CHAP_A, CHAP_I, CHAP_C ──►
 *                                     ◄── CHAP_N, CHAP_R [, CHAP_I, CHAP_C]
 *     [CHAP_N, CHAP_R ──►]
 *
 *     response = hash(identifier ‖ secret ‖ challenge)
 */

import { equalBytes } from "../base/bytes.ts";
import { PeerError } from "../base/errors.ts";
import type { HashName, Primitives } from "../base/primitives.ts";
import { parseBinary, parseNumber, renderBinary } from "./numeric.ts";

/** What of the primitives CHAP uses. */
export type ChapPrimitives = Pick<Primitives, "hash" | "random" | "equal">;

/** A name and the secret that proves it, as bytes. */
export interface ChapCredentials {
  /** CHAP_N: up to 255 bytes in UTF-8. */
  readonly user: string;
  /** At least 12 bytes (RFC 7143 section 9.2.1); many initiators take no more than 16. */
  readonly secret: Uint8Array;
}

/** Bytes of the challenges that we make. */
export const CHALLENGE_BYTES = 32;
/** Shortest and longest challenge that we answer. */
export const MIN_CHALLENGE_BYTES = 16;
export const MAX_CHALLENGE_BYTES = 1024;
/** Longest CHAP_N. */
export const MAX_CHAP_NAME_BYTES = 255;
const MAX_RESPONSE_BYTES = 32;
/** Length of the secret that stands in for an unknown user's. */
const STAND_IN_SECRET_BYTES = 16;

/** CHAP_A values, strongest first (IANA "PPP Authentication Algorithms"). */
const ALGORITHMS: readonly {
  readonly code: number;
  readonly hash: HashName;
}[] = [
  { code: 8, hash: "sha3-256" },
  { code: 7, hash: "sha256" },
  { code: 6, hash: "sha1" },
  { code: 5, hash: "md5" },
];

/** All that we can do, strongest first. */
export const CHAP_ALGORITHMS: readonly number[] = ALGORITHMS.map(({ code }) =>
  code
);

/** A challenge, and how it is to be answered. */
export interface Challenge {
  readonly algorithm: number;
  readonly hash: HashName;
  readonly identifier: number;
  readonly challenge: Uint8Array;
}

/** The strongest algorithm of a CHAP_A list that we have, or undefined. */
export function chooseAlgorithm(
  offered: string,
): { code: number; hash: HashName } | undefined {
  const codes = offered.split(",").map(parseNumber);
  return ALGORITHMS.find(({ code }) => codes.includes(code));
}

/** The algorithm that a peer chose out of `offered`. @throws {PeerError} where it was not among them */
export function chosenAlgorithm(
  value: string,
  offered: readonly number[],
): number {
  const code = parseNumber(value);
  if (code === undefined || !offered.includes(code)) {
    throw new PeerError(`CHAP_A=${value} was not offered`);
  }
  return code;
}

/** A fresh challenge for `algorithm`. */
export function makeChallenge(
  algorithm: number,
  primitives: ChapPrimitives,
): Challenge {
  return {
    algorithm,
    hash: hashOf(algorithm),
    identifier: primitives.random(1)[0]!,
    challenge: primitives.random(CHALLENGE_BYTES),
  };
}

/** CHAP_I and CHAP_C of a challenge, as text. */
export function renderChallenge(
  { identifier, challenge }: Challenge,
): { CHAP_I: string; CHAP_C: string } {
  return { CHAP_I: String(identifier), CHAP_C: renderBinary(challenge) };
}

/** A peer's CHAP_I and CHAP_C. @throws {PeerError} where they are malformed, too short or too long */
export function parseChallenge(
  algorithm: number,
  text: { readonly CHAP_I: string; readonly CHAP_C: string },
): Challenge {
  const identifier = parseNumber(text.CHAP_I);
  const challenge = parseBinary(text.CHAP_C, MAX_CHALLENGE_BYTES);
  if (identifier === undefined || identifier > 255) {
    throw new PeerError("CHAP_I is not a number from 0 to 255");
  }
  if (challenge === undefined || challenge.length < MIN_CHALLENGE_BYTES) {
    throw new PeerError(
      `CHAP_C must be ${MIN_CHALLENGE_BYTES} to ${MAX_CHALLENGE_BYTES} bytes`,
    );
  }
  return { algorithm, hash: hashOf(algorithm), identifier, challenge };
}

/** The answer to a challenge under `secret`. */
export function respond(
  challenge: Challenge,
  { secret, primitives }: {
    readonly secret: Uint8Array;
    readonly primitives: ChapPrimitives;
  },
): Uint8Array {
  return primitives.hash(
    challenge.hash,
    Uint8Array.of(challenge.identifier),
    secret,
    challenge.challenge,
  );
}

/** A response as text. */
export function renderResponse(response: Uint8Array): string {
  return renderBinary(response);
}

/** What a peer claims: who it is, and its response. */
export interface Claim {
  readonly CHAP_N: string;
  readonly CHAP_R: string;
}

/** What a claim is held against. */
export interface Expectation {
  readonly challenge: Challenge;
  readonly users: readonly ChapCredentials[];
  readonly primitives: ChapPrimitives;
}

/**
 * Whether the claim proves one of the users, and which. An unknown name takes the same steps as a wrong secret, so that the
 * time says nothing about who exists.
 *
 * @throws {PeerError} where the claim is malformed
 */
export function verifyClaim(
  claim: Claim,
  { challenge, users, primitives }: Expectation,
): ChapCredentials | undefined {
  const response = parseBinary(claim.CHAP_R, MAX_RESPONSE_BYTES);
  if (response === undefined || claim.CHAP_N.length > MAX_CHAP_NAME_BYTES) {
    throw new PeerError("CHAP_N or CHAP_R is malformed");
  }
  const standIn = primitives.random(STAND_IN_SECRET_BYTES);
  const user = users.find(({ user }) => user === claim.CHAP_N);
  const right = respond(challenge, {
    secret: user?.secret ?? standIn,
    primitives,
  });
  const equal = primitives.equal(right, response);
  return equal ? user : undefined;
}

/** Whether the peer sent our own challenge back to have us answer it (RFC 7143 section 12.1.3). */
export function isReflected(ours: Challenge, theirs: Challenge): boolean {
  return equalBytes(ours.challenge, theirs.challenge);
}

function hashOf(algorithm: number): HashName {
  const known = ALGORITHMS.find(({ code }) => code === algorithm);
  if (known === undefined) {
    throw new PeerError(`CHAP_A=${algorithm} is not known`);
  }
  return known.hash;
}
