/** The C library, for the calls that the runtime does not offer. On Linux alone. */

/** Its functions, or undefined on other platforms, and where it cannot be opened. */
export function openLibc<const S extends Deno.ForeignLibraryInterface>(
  symbols: S,
): Deno.DynamicLibrary<S> | undefined {
  if (Deno.build.os !== "linux") return undefined;
  for (const name of ["libc.so.6", `libc.musl-${Deno.build.arch}.so.1`]) {
    try {
      return Deno.dlopen(name, symbols);
    } catch {
      // The other C library, then; without either, its callers do without.
    }
  }
  return undefined;
}
