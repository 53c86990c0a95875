import { expect } from "expect";
import { VaultError } from "../base/errors.ts";
import {
  checkBucketSize,
  checkBucketSpec,
  MAX_BUCKET_VOLUME_BYTES,
  MIN_CACHE_BYTES,
  MIN_JOURNAL_BYTES,
  reachOf,
} from "./bucket_address.ts";

const SPEC = {
  url: "s3://backup/photos",
  cacheBytes: MIN_CACHE_BYTES,
  journalBytes: MIN_JOURNAL_BYTES,
};

Deno.test("an address is a bucket and a folder in it", () => {
  expect(reachOf(SPEC).s3).toEqual({ bucket: "backup", prefix: "photos/" });
  expect(reachOf({ ...SPEC, url: "s3://backup" }).s3)
    .toEqual({ bucket: "backup" });
  expect(reachOf({ ...SPEC, url: "s3://backup/a/b/" }).s3.prefix).toBe("a/b/");
  const endpoint = "https://s3.example:9000";
  expect(reachOf({ ...SPEC, endpoint }).s3)
    .toMatchObject({ endpoint, pathStyle: true });
  const { upload } = reachOf({ ...SPEC, upload: "20Mbit/s" });
  expect(upload?.bytesPerSecondAt(0)).toBe(2_500_000);
});

Deno.test("what makes no sense is told before anything is done", () => {
  for (
    const wrong of [
      ...["photos", "https://backup/photos", "s3://", "s3://B/x", "s3://ab/"]
        .map((url) => ({ url })),
      ...["s3://backup/Photos", "s3://backup/a//b", "s3://backup/../b"]
        .map((url) => ({ url })),
      { endpoint: "127.0.0.1:7480" },
      { endpoint: "http://a/b" },
      { endpoint: "http://AK:SK@a" },
      { upload: "fast" },
      { download: "20Mbit" },
      { cacheBytes: MIN_CACHE_BYTES - 1 },
      { journalBytes: MIN_JOURNAL_BYTES - 1 },
    ]
  ) {
    const check = () => checkBucketSpec({ ...SPEC, ...wrong });
    expect(check).toThrow(VaultError);
    expect(check).toThrow(expect.objectContaining({ kind: "usage" }));
  }
  checkBucketSpec(SPEC);
  checkBucketSize(MAX_BUCKET_VOLUME_BYTES);
  expect(() => checkBucketSize(MAX_BUCKET_VOLUME_BYTES + 512))
    .toThrow("A volume in a bucket cannot have 8796093022720 bytes");
});
