/** What a writer is told that has lost its volume. */

import { VaultError } from "../../base/errors.ts";

/** Another writer has the volume. Nothing of this one counts any more. */
export class Fenced extends VaultError {
  /** Always this. */
  override readonly name: string = "Fenced";
  constructor(sinceMs: number | undefined) {
    const since = sinceMs === undefined
      ? ""
      : ` since ${new Date(sinceMs).toISOString()}`;
    super(`Another node has had this volume${since}`, {
      kind: "conflict",
      hint:
        "What was written here and not uploaded is in this node's journal alone. To take it back as it is in the bucket: vault volume recover NAME --accept-rollback",
    });
  }
}
