/** Ceph's gateway behind the S3 client: it keeps every sentence of the bucket's contract, and errors say what is wrong. */
import { expect } from "expect";
import { BucketError } from "../../lib/bucket/bucket.ts";
import { conformance } from "../../lib/bucket/conformance.ts";
import { openBucket } from "../../lib/bucket/open_bucket.ts";
import { S3Bucket } from "../../lib/bucket/s3_bucket.ts";
import { systemClock as clock } from "../../lib/os/clock.ts";
import { systemPrimitives as primitives } from "../../lib/os/primitives.ts";
import { Ceph } from "../harness/ceph.ts";
import { freePort } from "../harness/loopback.ts";
import { CEPH_PEERS as peers, scenario } from "../harness/scenario.ts";

const BUCKET = "vault-test";

scenario("a real S3 store keeps the bucket's contract", {
  peers,
  timeoutMs: 120_000,
}, async () => {
  await using ceph = await Ceph.start();
  await ceph.makeBucket(BUCKET);
  let prefixes = 0;
  const options = { histories: 5, largestBytes: 8 * 1024 * 1024 + 1 };
  const make = () =>
    new S3Bucket({
      ...ceph.access(),
      clock,
      bucket: BUCKET,
      prefix: `run-${prefixes++}/`,
    });
  for (const { name, check } of conformance(make, options)) {
    try {
      await check();
    } catch (error) {
      throw new Error(`It does not hold that ${name}`, { cause: error });
    }
  }
  expect(prefixes).toBeGreaterThan(10);
});

scenario(
  "a bucket in a real S3 store is opened, and errors say what is wrong",
  {
    peers,
  },
  async () => {
    await using ceph = await Ceph.start();
    await ceph.makeBucket(BUCKET);
    const access = ceph.access();
    const s3 = { ...access, bucket: BUCKET, prefix: "photos/" };
    const opened = await openBucket({
      s3,
      clock,
      primitives,
      probeFolder: "m/",
    });
    expect(await opened.bucket.list("")).toEqual({ objects: [], more: false });
    expect(opened.counters()).toMatchObject({ errors: 0, inFlight: 0 });
    expect(opened.counters().requests).toBeGreaterThan(4);

    // A listing that takes more than one answer.
    const names = Array.from({ length: 1003 }, (_, i) => `d/${1000 + i}`);
    for (let at = 0; at < names.length; at += 50) {
      await Promise.all(
        names.slice(at, at + 50).map((name) =>
          opened.bucket.create(name, new Uint8Array(1))
        ),
      );
    }
    const page = await opened.bucket.list("d/");
    expect([page.objects.length, page.more]).toEqual([1000, true]);
    const rest = await opened.bucket.list("d/", page.objects.at(-1)!.name);
    expect([rest.objects.length, rest.more]).toEqual([3, false]);
    await opened.bucket.delete(names);
    expect((await opened.bucket.list("")).objects).toEqual([]);
    await opened.bucket.close();

    const fail = async (changed: Partial<typeof s3>) => {
      const bucket = new S3Bucket({ ...s3, ...changed, clock });
      const error = await bucket.create("d/1", new Uint8Array(9))
        .then(() => undefined, (error) => error);
      await bucket.close();
      expect(error).toBeInstanceOf(BucketError);
      return error as BucketError;
    };
    const none = await fail({ bucket: "nobody-made-it" });
    expect(none.kind).toBe("not-found");
    expect(none.message).toBe('There is no bucket "nobody-made-it"');
    const wrong = { accessKeyId: "AK", secretAccessKey: "wrong" };
    const refused = await fail({ credentials: wrong });
    expect(refused.kind).toBe("refused");
    expect(refused.hint).toMatch(/keys/);
    const nobody = `http://127.0.0.1:${freePort()}`;
    const unreachable = await fail({ endpoint: nobody });
    expect(unreachable.kind).toBe("unreachable");
    expect(unreachable.message).toMatch(/ECONNREFUSED/);
  },
);
