import { expect } from "expect";
import { systemClock as clock } from "../os/clock.ts";
import { systemPrimitives as primitives } from "../os/primitives.ts";
import { changeBucket } from "./bucket_change.ts";
import { Catalog } from "./catalog.ts";

const SPEC = { sizeBytes: 4096, blockSizeBytes: 512, readOnly: false } as const;
const BUCKET = {
  ...{ url: "s3://backup/photos", endpoint: "http://127.0.0.1:1" },
  ...{ cacheBytes: 2 ** 24, journalBytes: 2 ** 26, upload: "1M" },
};

Deno.test("what is changed of a volume in a bucket is kept, and the rest stays; what makes no sense changes nothing", async () => {
  const state = Deno.makeTempDirSync({ prefix: "vault-change-" });
  const catalog = new Catalog(`${state}/volumes`, { primitives, clock });
  await catalog.install(
    { ...SPEC, name: "photos" },
    () => Promise.resolve({ bucket: BUCKET }),
  );
  await catalog.create({ ...SPEC, name: "plain" });
  const world = { state: { catalog }, clock, primitives };
  const change = (what: Parameters<typeof changeBucket>[1]["change"]) =>
    changeBucket(world, { name: "photos", change: what });
  const kept = () => catalog.get("photos").bucket;

  expect(change({ download: "2M", prefetch: true }).how)
    .toBe("download 2M, prefetch true");
  expect(kept()).toEqual({ ...BUCKET, download: "2M", prefetch: true });
  change({ upload: "Off", prefetch: false, cacheBytes: 2 ** 25 });
  const { upload: _, ...rest } = BUCKET;
  const now = { ...rest, cacheBytes: 2 ** 25, download: "2M" };
  expect(kept()).toEqual(now);
  // Now and then without a limit is no limit that is gone.
  change({ upload: "08:00,1M 19:00,off" });
  expect(kept()).toEqual({ ...now, upload: "08:00,1M 19:00,off" });
  for (const nonsense of [{ cacheBytes: 1 }, { upload: "much" }]) {
    const before = kept();
    expect(() => change(nonsense)).toThrow();
    expect(kept()).toEqual(before);
  }
  expect(() => changeBucket(world, { name: "plain", change: { upload: "1M" } }))
    .toThrow('"plain" is not in a bucket');
  Deno.removeSync(state, { recursive: true });
});
