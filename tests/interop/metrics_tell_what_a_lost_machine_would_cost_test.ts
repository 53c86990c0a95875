/** A volume in a real S3 store as Prometheus sees it: while nothing comes back from the store, and after that. */
import { expect } from "expect";
import {
  BUCKET,
  openBucketTunnel,
  showPhotos,
} from "../harness/bucket_tunnel.ts";
import { Ceph } from "../harness/ceph.ts";
import { expectSame, logIn, numbered } from "../harness/disk_session.ts";
import { freePort } from "../harness/loopback.ts";
import { parseMetrics } from "../harness/metrics_text.ts";
import { Relay } from "../harness/relay.ts";
import { CEPH_PEERS as peers, scenario } from "../harness/scenario.ts";
import { TempDir } from "../harness/temp_dir.ts";
import { eventually } from "../harness/until.ts";
import { startServe } from "../harness/vault.ts";

const BLOCK = 512;
const PIECE_BYTES = 64 * 1024;
const PIECE_BLOCKS = PIECE_BYTES / BLOCK;

/** The figures of the volume, by their names without `vault_volume_`; undefined where one is not told. */
type Figures = Readonly<Record<string, number | undefined>>;

async function scrape(port: number): Promise<Figures> {
  const answer = await fetch(`http://127.0.0.1:${port}/metrics`);
  const families = parseMetrics(await answer.text());
  return Object.fromEntries(
    [...families].map(([name, { samples }]) => [
      name.replace("vault_volume_", ""),
      samples.get('volume="photos"'),
    ]),
  );
}

scenario("metrics tell what a lost machine would cost", {
  peers,
  timeoutMs: 170_000,
}, async () => {
  await using ceph = await Ceph.start();
  await ceph.makeBucket(BUCKET);
  using dir = new TempDir();
  await using relay = new Relay(ceph.port);
  const port = freePort();
  await using tunnel = await openBucketTunnel(ceph, {
    ...{ prefix: "metrics", keyFile: dir.at("key"), storePort: relay.port },
    serveArgs: ["--metrics", `127.0.0.1:${port}`],
  });
  const { disk } = await logIn(tunnel);
  let number = 0;
  const write = async () => {
    const at = number++;
    await disk.write(at * PIECE_BLOCKS, numbered(PIECE_BYTES, at + 1));
    await disk.flush();
  };
  /** The page that says so. */
  const seen = async (
    what: string,
    holds: (figures: Figures) => boolean,
    timeoutMs = 30_000,
  ): Promise<Figures> => {
    let figures: Figures = {};
    await eventually(what, async () => {
      figures = await scrape(port);
      if (!holds(figures)) throw new Error(JSON.stringify(figures));
    }, { timeoutMs, everyMs: 200 });
    return figures;
  };
  const isDone = (figures: Figures) =>
    figures.pending_bytes === 0 && (figures.uploaded_bytes_total ?? 0) > 0;

  await write();
  const before = await seen("all is uploaded", isDone);
  expect(before).toMatchObject({
    ...{ up: 1, healthy: 1, trouble: 0, sessions: 1, holders: 1 },
    ...{ pending_age_seconds: 0, upload_remaining_seconds: 0 },
    ...{ live_bytes: PIECE_BYTES, journal_limit_bytes: 64 * 1024 * 1024 },
    ...{ cache_limit_bytes: 1024 * 1024, store_errors_total: 0 },
  });
  expect(before.uploaded_bytes_total).toBeGreaterThan(PIECE_BYTES);
  expect(before.store_requests_total).toBeGreaterThan(0);
  expect(before.journal_bytes).toBeGreaterThan(0);

  relay.hold();
  let stalled: Figures;
  try {
    await write();
    const first = await seen(
      "it waits",
      ({ pending_bytes = 0 }) => pending_bytes >= PIECE_BYTES,
    );
    await write();
    const more = await seen(
      "more of it waits",
      ({ pending_bytes = 0 }) =>
        pending_bytes >= first.pending_bytes! + PIECE_BYTES,
    );
    const older = await seen(
      "it grows older",
      ({ pending_age_seconds = 0 }) =>
        pending_age_seconds >= more.pending_age_seconds! + 3,
    );
    // Nothing goes on: nobody knows how long it takes.
    expect(older.upload_remaining_seconds).toBeUndefined();
    expect(older.store_transfers).toBeGreaterThan(0);
    stalled = await seen(
      "errors count up",
      ({ store_errors_total = 0, trouble }) => {
        // Who tries again waits again.
        relay.cutAll();
        return store_errors_total > 1 && trouble === 1;
      },
    );
    expect(stalled.pending_age_seconds)
      .toBeGreaterThan(older.pending_age_seconds!);
    expect(stalled.pending_bytes).toBeGreaterThanOrEqual(2 * PIECE_BYTES);
    expect(stalled.uploaded_bytes_total).toBe(older.uploaded_bytes_total);
    expect(stalled.up).toBe(1);
    const { bucket } = await showPhotos(tunnel.node);
    expect(bucket?.pendingBytes).toBe(stalled.pending_bytes);
  } finally {
    relay.release();
  }

  const after = await seen("all is uploaded again", isDone, 90_000);
  expect(after).toMatchObject({
    ...{ pending_age_seconds: 0, upload_remaining_seconds: 0, trouble: 0 },
    live_bytes: 3 * PIECE_BYTES,
  });
  expect(after.object_bytes)
    .toBeGreaterThan(before.object_bytes! + 2 * PIECE_BYTES);
  expect(after.store_errors_total)
    .toBeGreaterThanOrEqual(stalled.store_errors_total!);
  await write();
  // What was in doubt was found there, and not sent again: only this one counts.
  await seen(
    "what comes next counts",
    (figures) =>
      isDone(figures) && figures.uploaded_bytes_total! >=
        after.uploaded_bytes_total! + PIECE_BYTES,
  );
  for (let at = 0; at < number; at++) {
    const found = await disk.read(at * PIECE_BLOCKS, PIECE_BLOCKS);
    expectSame(found, numbered(PIECE_BYTES, at + 1));
  }

  // Started while its store is not there it is not served, which is told, and nothing of what waits.
  await tunnel.serve.stop("SIGKILL");
  relay.hold();
  try {
    tunnel.serve = await startServe(tunnel.node, tunnel.servePort, [
      ...["--metrics", `127.0.0.1:${port}`],
    ]);
    const unserved = await seen("it is not served", ({ up }) => up === 0);
    expect(unserved).toMatchObject({ healthy: 0 });
    expect(unserved).not.toHaveProperty("pending_bytes");
  } finally {
    relay.release();
  }
  await seen(
    "it is served again",
    ({ up, pending_bytes }) => up === 1 && pending_bytes === 0,
    60_000,
  );
});
