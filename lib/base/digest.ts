/** A digest that is given its bytes piece by piece. */

/** Made by `lib/os/digest.ts`. */
export interface Digest {
  /** Takes the next bytes. */
  update(bytes: Uint8Array): void;
  /** Over what was taken so far. */
  soFar(): Uint8Array;
  /** Over all that was taken; nothing may be called afterwards. */
  digest(): Uint8Array;
}
