/** What became of requests to a store, as far as people want to know it. */

import type { BucketError } from "../bucket/bucket.ts";

/** Why the last try failed, as long as nothing has been uploaded since. */
export class Tries {
  readonly #told: (error: BucketError) => void;
  #last: {
    readonly fault: BucketError["fault"];
    readonly why: string;
    readonly uploadedBytes: number;
  } | undefined;

  /** `told` of each that does not fail as the one before did. */
  constructor(told: (error: BucketError) => void) {
    this.#told = told;
  }

  failed(error: BucketError, uploadedBytes: number): void {
    const { fault, message: why } = error;
    const last = this.#last;
    this.#last = { fault, why, uploadedBytes };
    if (last?.fault === fault && last.uploadedBytes === uploadedBytes) return;
    this.#told(error);
  }

  why(uploadedBytes: number): string | undefined {
    return this.#last?.uploadedBytes === uploadedBytes
      ? this.#last.why
      : undefined;
  }
}
