import { expect } from "expect";
import { VaultError } from "../base/errors.ts";
import type { ErasureAsk } from "../scsi/erasure.ts";
import { ErasureFile } from "./erasure_file.ts";

function inFolder(test: (path: string, file: ErasureFile) => void): void {
  const folder = Deno.makeTempDirSync({ prefix: "vault-erasure-" });
  try {
    const path = `${folder}/erasure.json`;
    test(path, new ErasureFile(path));
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

Deno.test("what was asked for is read again, and gone when it is over", () =>
  inFolder((path, file) => {
    expect(file.read()).toBe(undefined);
    const asks: ErasureAsk[] = [
      { method: { kind: "format" }, unrestrictedExit: false },
      { method: { kind: "block-erase" }, unrestrictedExit: true },
      {
        method: {
          kind: "overwrite",
          pattern: Uint8Array.of(0, 0xa5, 0xff),
          count: 31,
          invert: true,
        },
        unrestrictedExit: true,
      },
    ];
    for (const ask of asks) {
      file.write(ask);
      expect(new ErasureFile(path).read()).toEqual(ask);
    }
    file.clear();
    expect(file.read()).toBe(undefined);
    file.clear();
  }));

Deno.test("a damaged note is refused, not taken for none", () =>
  inFolder((path, file) => {
    for (
      const text of [
        "",
        "{}",
        '{"version":1,"method":{"kind":"overwrite","pattern":"a","count":1,"invert":false},"unrestrictedExit":false}',
        '{"version":1,"method":{"kind":"overwrite","pattern":"aa","count":32,"invert":false},"unrestrictedExit":false}',
      ]
    ) {
      Deno.writeTextFileSync(path, text);
      expect(() => file.read()).toThrow(VaultError);
    }
  }));
