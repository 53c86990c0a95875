/** What is said of a bucket that shows another history than that which was written here. */

import { VaultError } from "../../base/errors.ts";

/**
 * What the bucket shows and what is remembered of it here do not go together: it is older, or somebody else has gone on with it. `refused`
 * where something is missing, `conflict` where somebody else has written to it.
 */
export class OtherHistory extends VaultError {
  /** Always this. */
  override readonly name: string = "OtherHistory";

  constructor(
    message: string,
    options: { readonly kind: "refused" | "conflict"; readonly hint: string },
  ) {
    super(message, {
      ...options,
      hint:
        `${options.hint} If what the bucket shows is to count from now on: vault volume recover NAME --accept-rollback`,
    });
  }
}
