/** The Store contract's checks, for programs with stores of their own. */

import type { MakeStore, StoreCheck } from "./conformance.ts";

/**
 * The checks of the {@linkcode Store} contract, one for each sentence of it, for a store that `make` makes: what every store of this
 * project passes. The packages that the checks need are loaded with them, and not before.
 *
 * @example In a test file
 * ```ts
 * import { MemoryStore, storeConformance } from "@vault/vault";
 *
 * for (const { name, check } of await storeConformance((sizeBytes) => new MemoryStore(sizeBytes))) {
 *   Deno.test(name, check);
 * }
 * ```
 */
export async function storeConformance(
  make: MakeStore,
): Promise<readonly StoreCheck[]> {
  const { conformance } = await import("./conformance.ts");
  return conformance(make);
}
