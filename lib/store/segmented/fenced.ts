/** What a writer is told that has lost its volume. */

import { VaultError } from "../../base/errors.ts";
import { BucketError } from "../../bucket/bucket.ts";

/** Another writer has the volume. Nothing of this one counts any more. */
export class Fenced extends VaultError {
  /** Always this. */
  override readonly name: string = "Fenced";

  /** Since when, where that is known; or what the bucket has said, where that has found it out. */
  constructor(how: number | undefined | BucketError) {
    const cause = how instanceof BucketError ? how : undefined;
    const since = typeof how === "number"
      ? ` since ${new Date(how).toISOString()}`
      : "";
    super(cause?.message ?? `Another node has had this volume${since}`, {
      ...{ kind: "conflict", cause },
      hint: cause?.hint ??
        "What was written here and not uploaded is in this node's journal alone. To take it back as it is in the bucket: vault volume recover NAME --accept-rollback",
    });
  }
}

/** A bucket that is another writer's is as lost as a row that another has gone on with. Everything else is what it was. */
export function orFenced(thrown: unknown): unknown {
  return thrown instanceof BucketError && thrown.fault === "held"
    ? new Fenced(thrown)
    : thrown;
}
