/** What is thrown where a bucket gives something else than what was written. */

import { VaultError } from "../base/errors.ts";

/** Changed, cut, moved to another place, of another volume or under another key. Nothing of it is used. */
export class SealError extends VaultError {
  /** Always this. */
  override readonly name: string = "SealError";

  constructor(message: string, options: { readonly more?: string } = {}) {
    const { more } = options;
    super(message, {
      hint:
        `the store changed, exchanged or cut what was written to it, or the key is that of another volume${
          more === undefined ? "" : `. ${more}`
        }`,
    });
  }
}
