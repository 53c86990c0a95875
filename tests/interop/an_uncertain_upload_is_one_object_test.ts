/** A real S3 store that stalls, and answers that are lost on the way from it: each upload ends as one object with what was sent. */
import { expect } from "expect";
import type { Bucket } from "../../lib/bucket/bucket.ts";
import { RetryingBucket } from "../../lib/bucket/retrying_bucket.ts";
import { S3Bucket } from "../../lib/bucket/s3_bucket.ts";
import { systemClock as clock } from "../../lib/os/clock.ts";
import { systemPrimitives as primitives } from "../../lib/os/primitives.ts";
import { Ceph } from "../harness/ceph.ts";
import { Relay } from "../harness/relay.ts";
import { CEPH_PEERS as peers, scenario } from "../harness/scenario.ts";
import { until } from "../harness/until.ts";

const BUCKET = "vault-test";
const SEGMENT_BYTES = 8 * 1024 * 1024;

/** A client of the store at `port`, and what its retries were for. */
function client(ceph: Ceph, port: number, silenceTimeoutMs: number) {
  const retried: string[] = [];
  const access = ceph.access(port);
  const s3 = new S3Bucket({
    ...access,
    clock,
    bucket: BUCKET,
    silenceTimeoutMs,
  });
  const bucket = new RetryingBucket(s3, {
    clock,
    primitives,
    onRetry: ({ message }) => retried.push(message),
  });
  return { bucket, retried };
}

async function expectOneObject(bucket: Bucket, bytes: Uint8Array) {
  const { objects } = await bucket.list("");
  expect(objects).toEqual([{ name: "d/1", sizeBytes: bytes.length }]);
  const found = await bucket.get("d/1");
  expect(found?.every((byte, i) => byte === bytes[i])).toBe(true);
}

scenario("an upload that a store stalls is tried again and is one object", {
  peers,
}, async () => {
  await using ceph = await Ceph.start();
  await ceph.makeBucket(BUCKET);
  const { bucket, retried } = client(ceph, ceph.port, 1000);
  // Without a body, the time-out is the silence alone.
  const bytes = primitives.random(1000);
  expect(await bucket.create("d/0", bytes)).toBe("created");
  await bucket.delete(["d/0"]);

  ceph.stall(true);
  const creating = bucket.create("d/1", bytes);
  await until("the store was given up once", () => retried.length > 0);
  ceph.stall(false);
  expect(await creating).toBe("created");
  expect(retried[0]).toMatch(/no answer within 1(\.\d)? s/);
  await expectOneObject(bucket, bytes);

  // Nor does anybody else get the name.
  expect(await bucket.create("d/1", primitives.random(1000))).toBe("exists");
  await expectOneObject(bucket, bytes);
  await bucket.close();
});

scenario("an upload whose answer is lost was one, and is found to be ours", {
  peers,
}, async () => {
  await using ceph = await Ceph.start();
  await ceph.makeBucket(BUCKET);
  await using relay = new Relay(ceph.port);
  const { bucket, retried } = client(ceph, relay.port, 20_000);
  const direct = client(ceph, ceph.port, 20_000);
  const bytes = primitives.random(SEGMENT_BYTES);

  relay.hold();
  const creating = bucket.create("d/1", bytes);
  await until(
    "the object is there",
    async () =>
      await direct.bucket.get("d/1", { offset: 0, length: 1 }) !==
        undefined,
  );
  const sent = relay.sentBytes;
  await until("the answer has been held back", () => relay.answeredBytes > 0);
  relay.cutAll();
  relay.release();
  expect(await creating).toBe("created");
  expect(retried.length).toBeGreaterThan(0);
  // It was looked at, not sent again.
  expect(relay.sentBytes - sent).toBeLessThan(SEGMENT_BYTES / 2);
  await expectOneObject(direct.bucket, bytes);

  // An upload that is cut in its middle leaves nothing, and is sent again.
  await direct.bucket.delete(["d/1"]);
  const before = relay.sentBytes;
  const again = bucket.create("d/1", bytes);
  await until("half of it is sent", () => relay.sentBytes - before > 4e6, {
    everyMs: 1,
  });
  relay.cutAll();
  expect(await again).toBe("created");
  await expectOneObject(direct.bucket, bytes);
  await bucket.close();
  await direct.bucket.close();
});
