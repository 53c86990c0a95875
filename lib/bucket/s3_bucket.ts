/**
 * A bucket of an S3 store. One request a call and no second try: what an answer means for the object is found out a layer above.
 *
 * The SDK is loaded with the first request. Credentials come from the environment, a profile or the machine's own role, in the SDK's
 * order, unless they are given.
 */

import type {
  ListObjectsV2CommandOutput,
  S3Client,
  S3ClientConfig,
} from "@aws-sdk/client-s3";
import type { Clock } from "../base/clock.ts";
import type { Extent } from "../base/extent.ts";
import {
  BucketError,
  checkName,
  checkPrefix,
  checkRange,
  type Created,
  MAX_PAGE_OBJECTS,
  MAX_READ_BYTES,
  type ObjectPage,
  type ReplaceableBucket,
} from "./bucket.ts";
import { type Body, readBody } from "./s3_body.ts";
import { checkAnswered, rangeHeader } from "./s3_range.ts";
import { type Listing, takeListing, type UnreadAnswer } from "./s3_listing.ts";
import {
  errorOf,
  saysBeyondEnd,
  saysExists,
  saysNotThere,
} from "./s3_answers.ts";

/** A connection that is not there by then is given up. */
export const CONNECT_TIMEOUT_MS = 10_000;
/** A store that says nothing for so long, with nothing left to send, does not answer. */
export const SILENCE_TIMEOUT_MS = 30_000;
/** What is sent may take as long as it takes at this rate, on top of the time-out. */
export const SLOWEST_BYTES_PER_SECOND = 32 * 1024;
/** The most names in one request to delete (S3, DeleteObjects). */
const MAX_DELETED = 1000;
/** Where the SDK has an answer that it has not read yet: nearer to the line than what reads it. */
const BEFORE_IT_IS_READ = { step: "deserialize", priority: "low" } as const;

export interface S3Options {
  /** The bucket's name at the store. */
  readonly bucket: string;
  /** What every key begins with, `photos/` say. Nothing outside it is looked at. */
  readonly prefix?: string;
  /** URL of a store other than Amazon's. */
  readonly endpoint?: string;
  readonly region?: string;
  /** The bucket's name in the path and not in the host's name, as most stores other than Amazon's want it. */
  readonly pathStyle?: boolean;
  /** Of the shared configuration files. */
  readonly profile?: string;
  readonly credentials?: {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly sessionToken?: string;
  };
  readonly clock: Clock;
  /** {@linkcode SILENCE_TIMEOUT_MS} unless told otherwise. */
  readonly silenceTimeoutMs?: number;
}

type Sdk = typeof import("@aws-sdk/client-s3");
interface Connected {
  readonly sdk: Sdk;
  readonly client: S3Client;
}

/** One request under way. */
interface Try extends Connected {
  readonly signal: AbortSignal;
  /** The store said something: it gets its time anew. */
  heard(): void;
}

/** What is there once for all prefixes of a bucket. */
interface Line {
  readonly underWay: Set<AbortController>;
  connected: Promise<Connected> | undefined;
  closed: boolean;
}

function newLine(): Line {
  return { underWay: new Set(), connected: undefined, closed: false };
}

export class S3Bucket implements ReplaceableBucket {
  readonly #options: S3Options;
  readonly #prefix: string;
  readonly #line: Line;

  /** Over a `line` that others use, or one of its own. */
  constructor(options: S3Options, line: Line = newLine()) {
    this.#options = options;
    this.#line = line;
    this.#prefix = options.prefix ?? "";
    checkPrefix(this.#prefix);
  }

  /** What lies under another prefix of the same bucket, over the same line: it is closed with this one. */
  beside(prefix: string): S3Bucket {
    return new S3Bucket({ ...this.#options, prefix }, this.#line);
  }

  async create(name: string, bytes: Uint8Array): Promise<Created> {
    try {
      await this.#put(name, bytes, { condition: { IfNoneMatch: "*" } });
      return "created";
    } catch (thrown) {
      if (thrown instanceof BucketError && saysExists(thrown.cause)) {
        return "exists";
      }
      throw thrown;
    }
  }

  replace(
    name: string,
    bytes: Uint8Array,
    signal?: AbortSignal,
  ): Promise<void> {
    return this.#put(name, bytes, { signal });
  }

  async get(name: string, range?: Extent): Promise<Uint8Array | undefined> {
    checkName(name);
    if (range) checkRange(range);
    return await this.#request(0, async ({ sdk, client, signal, heard }) => {
      const command = new sdk.GetObjectCommand({
        ...this.#object(name),
        ...(range ? { Range: rangeHeader(range) } : {}),
      });
      try {
        const answer = await client.send(command, { abortSignal: signal });
        const limit = range?.length ?? MAX_READ_BYTES;
        const body = answer.Body as Body | undefined;
        if (range) checkAnswered(range, answer.ContentRange, body);
        const lengthBytes = answer.ContentLength;
        return await readBody(body, { name, limit, lengthBytes, heard });
      } catch (thrown) {
        if (saysNotThere(thrown)) return undefined;
        if (saysBeyondEnd(thrown)) return new Uint8Array(0);
        throw thrown;
      }
    });
  }

  async list(prefix: string, startAfter = ""): Promise<ObjectPage> {
    checkPrefix(prefix);
    return await this.#request(0, async ({ sdk, client, signal, heard }) => {
      const command = new sdk.ListObjectsV2Command({
        Bucket: this.#options.bucket,
        Prefix: this.#prefix + prefix,
        MaxKeys: MAX_PAGE_OBJECTS,
        ...(startAfter ? { StartAfter: this.#prefix + startAfter } : {}),
      });
      let listing: Listing | undefined;
      command.middlewareStack.add((next) => async (args) => {
        const answer = await next(args);
        listing = await takeListing(answer.response as UnreadAnswer, heard);
        return answer;
      }, BEFORE_IT_IS_READ);
      const read = await client.send(command, { abortSignal: signal });
      const { objects, isTruncated } = listing ?? listingOf(read);
      if (isTruncated === undefined) throw notTheStore("is no listing");
      let last = startAfter;
      return {
        objects: objects.map(({ key, sizeBytes }) => {
          const name = key.slice(this.#prefix.length);
          const wanted = key.startsWith(this.#prefix + prefix) && name > last;
          if (!wanted) throw outOfOrder(key);
          last = name;
          return { name, sizeBytes };
        }),
        more: isTruncated,
      };
    });
  }

  async delete(names: readonly string[]): Promise<void> {
    names.forEach(checkName);
    for (let at = 0; at < names.length; at += MAX_DELETED) {
      await this.#deleteSome(names.slice(at, at + MAX_DELETED));
    }
  }

  async close(): Promise<void> {
    this.#line.closed = true;
    for (const controller of this.#line.underWay) controller.abort(closed());
    const connected = await this.#line.connected?.catch(() => undefined);
    connected?.client.destroy();
  }

  async #deleteSome(names: readonly string[]): Promise<void> {
    await this.#request(0, async ({ sdk, client, signal }) => {
      const Objects = names.map((name) => ({ Key: this.#prefix + name }));
      const command = new sdk.DeleteObjectsCommand({
        Bucket: this.#options.bucket,
        Delete: { Objects },
      });
      const answer = await client.send(command, { abortSignal: signal });
      const [error] = answer.Errors ?? [];
      if (error) throw notDeleted(error);
      const gone = new Set(answer.Deleted?.map(({ Key }) => Key));
      if (Objects.some(({ Key }) => !gone.has(Key))) {
        throw notTheStore("does not say that all are deleted");
      }
    });
  }

  async #put(
    name: string,
    bytes: Uint8Array,
    { condition, signal: given }: {
      readonly condition?: { readonly IfNoneMatch: "*" };
      readonly signal?: AbortSignal | undefined;
    },
  ): Promise<void> {
    checkName(name);
    await this.#request(bytes.length, async ({ sdk, client, signal }) => {
      const command = new sdk.PutObjectCommand({
        ...this.#object(name),
        Body: bytes,
        ContentLength: bytes.length,
        ...condition,
      });
      const { ETag } = await client.send(command, { abortSignal: signal });
      if (ETag === undefined) throw notTheStore("says nothing of an object");
    }, given);
  }

  #object(name: string): { Bucket: string; Key: string } {
    return { Bucket: this.#options.bucket, Key: this.#prefix + name };
  }

  /** Runs one request within its time, or until it is `given` up. `sentBytes` go with it. */
  async #request<T>(
    sentBytes: number,
    run: (request: Try) => Promise<T>,
    given?: AbortSignal,
  ): Promise<T> {
    if (this.#line.closed) throw closed();
    const { clock, bucket, silenceTimeoutMs = SILENCE_TIMEOUT_MS } =
      this.#options;
    const controller = new AbortController();
    const start = (ms: number) =>
      clock.after(ms, () => controller.abort(silent(ms)));
    let stop = start(
      silenceTimeoutMs + sentBytes * 1000 / SLOWEST_BYTES_PER_SECOND,
    );
    this.#line.underWay.add(controller);
    const { signal } = controller;
    const giveUp = () => controller.abort(given?.reason);
    given?.addEventListener("abort", giveUp);
    if (given?.aborted) giveUp();
    try {
      const connected = await (this.#line.connected ??= connect(this.#options));
      signal.throwIfAborted();
      const heard = () => {
        stop();
        stop = start(silenceTimeoutMs);
      };
      return await run({ ...connected, signal, heard });
    } catch (thrown) {
      if (thrown instanceof RangeError) throw thrown;
      // The SDK says that it was aborted, and not why.
      throw errorOf(bucket, signal.aborted ? signal.reason : thrown);
    } finally {
      stop();
      given?.removeEventListener("abort", giveUp);
      this.#line.underWay.delete(controller);
    }
  }
}

async function connect(options: S3Options): Promise<Connected> {
  const sdk = await import("@aws-sdk/client-s3");
  const { endpoint, region, profile, credentials } = options;
  const config: S3ClientConfig = {
    forcePathStyle: options.pathStyle ?? false,
    // One request is one try: the layer above looks before it asks again.
    maxAttempts: 1,
    requestHandler: { connectionTimeout: CONNECT_TIMEOUT_MS },
    // What is stored proves itself; stores other than Amazon's do not know these.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(region === undefined ? {} : { region }),
    ...(profile === undefined ? {} : { profile }),
    ...(credentials === undefined ? {} : { credentials }),
  };
  return { sdk, client: new sdk.S3Client(config) };
}

/** A page that the SDK has read. */
function listingOf({ Contents = [], IsTruncated }: ListObjectsV2CommandOutput) {
  const objects = Contents
    .map(({ Key = "", Size = 0 }) => ({ key: Key, sizeBytes: Size }));
  return { objects, isTruncated: IsTruncated };
}

function notDeleted(error: {
  readonly Code?: string | undefined;
  readonly Message?: string | undefined;
}): BucketError {
  const fault = error.Code === "AccessDenied" ? "refused" : "uncertain";
  const why = [error.Code, error.Message].filter((said) => said).join(": ");
  return new BucketError(fault, `the store did not delete it: ${why}`);
}

/** Something on the way answers in good manners, a portal of a hotel say. */
function notTheStore(what: string): BucketError {
  return new BucketError("uncertain", `the answer ${what}`);
}

function outOfOrder(key: string): BucketError {
  return new BucketError(
    "unsupported",
    `"${key}" is not what the listing should go on with`,
  );
}

function silent(ms: number): BucketError {
  const seconds = Math.round(ms / 100) / 10;
  return new BucketError("uncertain", `no answer within ${seconds} s`);
}

function closed(): BucketError {
  return new BucketError("uncertain", "the bucket was closed");
}
