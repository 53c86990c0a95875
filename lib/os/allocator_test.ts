import { expect } from "expect";
import { giveMemoryBack } from "./allocator.ts";

/** In a process of its own: there others set it, and have memory of theirs. */
const PROGRAM = `
import { giveMemoryBack } from "${import.meta.resolve("./allocator.ts")}";
const { symbols } = Deno.dlopen("libc.so.6", {
  malloc: { parameters: ["usize"], result: "pointer" },
  free: { parameters: ["pointer"], result: "void" },
  mallinfo2: { parameters: [], result: { struct: Array(10).fill("usize") } },
});
// arena, ordblks, smblks, hblks, …: how many pieces are mapped by themselves.
const mapped = () =>
  Number(new DataView(symbols.mallinfo2().buffer).getBigUint64(3 * 8, true));
const mappedOf = (count) => {
  symbols.free(symbols.malloc(BigInt(16 << 20)));
  const before = mapped();
  const pieces = Array.from(
    { length: count },
    () => symbols.malloc(BigInt(8 << 20)),
  );
  const many = mapped() - before;
  pieces.forEach((piece) => symbols.free(piece));
  return many;
};
const before = mappedOf(40);
giveMemoryBack();
console.log(JSON.stringify([before, mappedOf(40)]));
`;

Deno.test("giveMemoryBack: what is long is mapped by itself, also after longer was freed", async () => {
  // There is nothing to be set elsewhere, and it says nothing.
  if (Deno.build.os !== "linux") return giveMemoryBack();
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-check", PROGRAM],
    stdout: "piped",
  }).output();
  const [before, after] = JSON.parse(new TextDecoder().decode(stdout));
  // Some find room that was freed before them.
  expect(before).toBeLessThan(10);
  expect(after).toBeGreaterThan(20);
});
