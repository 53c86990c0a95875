import { expect } from "expect";
import { TempDir } from "../../tests/harness/temp_dir.ts";
import type { Verified } from "../store/segmented/verify.ts";
import { VerifiedFile } from "./verified_file.ts";

Deno.test("how far a volume was read back is found again, whole or not at all", () => {
  using dir = new TempDir();
  const file = new VerifiedFile(dir.at("verify.json"));
  expect(file.read()).toBeUndefined();
  const digest = new Uint8Array(32).fill(7);
  const claim = { number: 1, epoch: 1, digest, empty: true };
  const verified: Verified = {
    volumeId: new Uint8Array(16).fill(3),
    upTo: 258,
    chain: { last: { ...claim, number: 258, empty: false }, claims: [claim] },
    suspects: [
      { kind: "segment", number: 257, why: "it is missing" },
      { kind: "segment", number: 258, why: "chunk 1", chunks: [1] },
    ],
  };
  file.write(verified);
  expect(file.read()).toEqual(verified);
  // Nothing is lost with it but time.
  Deno.writeTextFileSync(dir.at("verify.json"), '{"version":1');
  expect(file.read()).toBeUndefined();
  file.remove();
  file.remove();
  expect(file.read()).toBeUndefined();
});
