/** What a store throws: scsi makes sense data of it without knowing the store. */

import { VaultError } from "./errors.ts";

/**
 * `medium`: bytes could not be read, written or made stable. `failed`: refused because an earlier write or sync failed.
 * `no-space`: the medium has no room for this write; it may have later. `read-only`: this store takes no writes.
 */
export type MediaFault = "medium" | "failed" | "no-space" | "read-only";

export class MediaError extends VaultError {
  override readonly name: string = "MediaError";
  readonly fault: MediaFault;

  constructor(
    fault: MediaFault,
    message: string,
    options: { hint?: string; cause?: unknown } = {},
  ) {
    super(message, options);
    this.fault = fault;
  }
}
