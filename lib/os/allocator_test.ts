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
    const isMapped = (bytes: number) => {
      libc.symbols.free(libc.symbols.malloc(BigInt(16 * MIB)));
      const before = mapped();
      const piece = libc.symbols.malloc(BigInt(bytes));
      const isMapped = mapped() > before;
      libc.symbols.free(piece);
      return isMapped;
    };
    try {
      expect(isMapped(4 * MIB)).toBe(false);
      giveMemoryBack();
      // More than may be left in the heap from before.
      expect(isMapped(8 * MIB)).toBe(true);
    } finally {
      libc.close();
    }
  },
});
