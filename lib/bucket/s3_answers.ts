/** What the answers of an S3 store mean, and what having none means. */

import { messageOf } from "../base/errors.ts";
import { BucketError } from "./bucket.ts";

/** What the SDK throws, as far as it is looked at. */
interface Thrown {
  /** The store's code where it gave one. */
  readonly code: string;
  /** Of HTTP; undefined: there was no answer. */
  readonly status: number | undefined;
}

function read(thrown: unknown): Thrown {
  const { name, $metadata } = (thrown ?? {}) as {
    readonly name?: unknown;
    readonly $metadata?: { readonly httpStatusCode?: unknown };
  };
  const status = $metadata?.httpStatusCode;
  return {
    code: typeof name === "string" ? name : "",
    status: typeof status === "number" ? status : undefined,
  };
}

/** The object was there, to a create that makes only what is not. 409 does not say so: a create that was under way may fail yet. */
export function saysExists(thrown: unknown): boolean {
  return read(thrown).status === 412;
}

export function saysNotThere(thrown: unknown): boolean {
  const { code, status } = read(thrown);
  return status === 404 && code !== "NoSuchBucket";
}

/** The range begins where the object has ended. */
export function saysBeyondEnd(thrown: unknown): boolean {
  return read(thrown).status === 416;
}

/** Statuses that say nothing of whether it was done, or that it may be soon. 501 is not among them. */
const UNCERTAIN = new Set([408, 409, 425, 429]);
/**
 * Codes of the same, whatever the status: what was sent was damaged on the way, or did not all arrive, or by a clock that the SDK sets
 * right after the first such answer.
 */
const UNCERTAIN_CODES = new Set([
  "BadDigest",
  "IncompleteBody",
  "XAmzContentSHA256Mismatch",
  "RequestTimeTooSkewed",
  "RequestTimeout",
  "SlowDown",
]);
const REFUSED_CODES = new Set([
  "CredentialsProviderError",
  "ExpiredToken",
  "InvalidAccessKeyId",
  "InvalidToken",
  "TokenProviderError",
]);

/** The error for whatever was thrown in the course of one request to `bucket`. */
export function errorOf(bucket: string, thrown: unknown): BucketError {
  if (thrown instanceof BucketError) return thrown;
  const { code, status } = read(thrown);
  const said = sentence(code, status, thrown);
  const cause = thrown;
  if (UNCERTAIN_CODES.has(code)) {
    return new BucketError("uncertain", said, { cause });
  }
  if (code === "CredentialsProviderError") {
    return new BucketError("refused", "No keys for the store are known", {
      cause,
      hint:
        "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, where `vault serve` is started, or the command that asks the store itself",
    });
  }
  if (REFUSED_CODES.has(code)) return refused(said, thrown);
  if (code === "NoSuchBucket") {
    return new BucketError("no-bucket", `There is no bucket "${bucket}"`, {
      cause,
      hint: "make it first, or look at its name, its region and the endpoint",
    });
  }
  if (status === undefined) return unanswered(said, thrown);
  if (status === 401 || status === 403) return refused(said, thrown);
  if (status === 501) {
    return new BucketError("unsupported", said, {
      cause,
      hint:
        "choose an object store that keeps conditional writes; --unsafe-no-conditional-put does without, within limits",
    });
  }
  // A good status with an answer that cannot be read says nothing, either.
  if (status < 300 || status >= 500 || UNCERTAIN.has(status)) {
    return new BucketError("uncertain", said, { cause });
  }
  if (status >= 300 && status < 400) {
    return new BucketError("rejected", said, {
      cause,
      hint: "the bucket is in another region: name that one",
    });
  }
  return new BucketError("rejected", said, { cause });
}

function refused(said: string, cause: unknown): BucketError {
  return new BucketError("refused", said, {
    cause,
    hint:
      "look at the keys, and that they may put, get, delete and list objects in this bucket",
  });
}

/** No answer: a network that failed, or settings with which the SDK did not even ask. */
function unanswered(said: string, cause: unknown): BucketError {
  if (/region is missing/i.test(said)) {
    return new BucketError("rejected", "No region is known for the bucket", {
      cause,
      hint: "name one, or set AWS_REGION",
    });
  }
  return new BucketError("uncertain", said, { cause });
}

function sentence(
  code: string,
  status: number | undefined,
  thrown: unknown,
): string {
  const text = messageOf(thrown);
  if (status === undefined) return text;
  // Stores that give no message get this one from the SDK.
  const words = /^UnknownError$|^$/.test(text) ? "" : `: ${text}`;
  return `the store says ${status} ${code}${words}`;
}
