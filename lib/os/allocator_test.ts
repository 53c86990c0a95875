import { expect } from "expect";
import { giveMemoryBack } from "./allocator.ts";

const MIB = 1024 * 1024;

Deno.test({
  name:
    "giveMemoryBack: what is long is mapped by itself, also after longer was freed",
  ignore: Deno.build.os !== "linux",
  fn: () => {
    const libc = Deno.dlopen("libc.so.6", {
      malloc: { parameters: ["usize"], result: "pointer" },
      free: { parameters: ["pointer"], result: "void" },
      mallinfo2: {
        parameters: [],
        result: { struct: Array(10).fill("usize") },
      },
    });
    /** How many pieces are mapped by themselves. */
    const mapped = () => {
      const info = libc.symbols.mallinfo2();
      // arena, ordblks, smblks, hblks, …
      return Number(new DataView(info.buffer).getBigUint64(3 * 8, true));
    };
    /** Of many long pieces, how many are: some may find room in the heap that others have left. */
    const mappedOf = (count: number) => {
      libc.symbols.free(libc.symbols.malloc(BigInt(16 * MIB)));
      const before = mapped();
      const pieces = Array.from(
        { length: count },
        () => libc.symbols.malloc(BigInt(8 * MIB)),
      );
      const many = mapped() - before;
      for (const piece of pieces) libc.symbols.free(piece);
      return many;
    };
    try {
      expect(mappedOf(40)).toBeLessThan(10);
      giveMemoryBack();
      expect(mappedOf(40)).toBeGreaterThan(20);
    } finally {
      libc.close();
    }
  },
});
