/** What a store throws: scsi makes sense data of it without knowing the store. */

import { VaultError } from "./errors.ts";

/**
 * `medium`: bytes could not be read, written or made stable. `failed`: refused because an earlier write or sync failed.
 * `no-space`: the medium has no room for this write; it may have later. `read-only`: this store takes no writes.
 */
export type MediaFault = "medium" | "failed" | "no-space" | "read-only";

/**
 * A {@linkcode MediaFault} with a sentence. A store that throws anything else has a defect: initiators are told HARDWARE ERROR then.
 */
export class MediaError extends VaultError {
  /** Always this. */
  override readonly name: string = "MediaError";
  /** What went wrong, for the sense data. */
  readonly fault: MediaFault;

  /** `message` is for a person: it ends up in the log and in `vault status`. */
  constructor(
    fault: MediaFault,
    message: string,
    options: { hint?: string; cause?: unknown } = {},
  ) {
    super(message, options);
    this.fault = fault;
  }
}
