import { expect } from "expect";
import { parseMetrics } from "../../tests/harness/metrics_text.ts";
import { METRICS, metricsPage } from "./metrics.ts";
import { HOLDER, info, SPEC, STATUS } from "./node_fixture.ts";
import type { BucketInfo, NodeStatus } from "./operations.ts";

const NOW = Date.parse("2026-11-22T12:10:00.000Z");

const BUCKET: BucketInfo = {
  url: "s3://backup/photos",
  ...{ cacheBytes: 2 ** 20, journalBytes: 2 ** 26 },
  ...{ pendingBytes: 5120, pendingSince: "2026-11-22T12:08:30.000Z" },
  uploadedAround: "2026-11-22T12:11:00.500Z",
  trouble: "uploading is paused: no answer",
  ...{ uploadedBytes: 100, fetchedBytes: 200, movedBytes: 300 },
  ...{ storeRequests: 9, storeErrors: 2, transfers: 3, transfersWaiting: 4 },
  ...{ journaledBytes: 2 ** 16, cachedBytes: 65536, prefetchedBytes: 7 },
  ...{ cacheHits: 0.75, cacheUses: { hits: 3, misses: 1 } },
  ...{ objectBytes: 2000, liveBytes: 1500, inheritedBytes: 600 },
};

const flow = (bytes: number) => ({ bytes, pdus: 1, bytesPerSecond: 2 });

const LINK = {
  ...{ device: "laptop", address: "192.0.2.1:5555" },
  ...{ since: "2026-11-22T12:00:00.000Z", macFailures: 0 },
  ...{ sent: flow(11), received: flow(12) },
};

const SESSION = {
  ...{ volume: "photos", initiator: "iqn.2026-11.x:y", device: "laptop" },
  ...{ tsih: 4, since: "2026-11-22T12:00:00.000Z", commands: 21 },
  ...{ read: flow(22), written: flow(23) },
};

const FULL: NodeStatus = {
  ...STATUS,
  ...{ since: "2026-11-22T12:00:00.500Z", macFailures: 1 },
  volumes: [
    { ...info(SPEC), bucket: BUCKET, allocatedBytes: 2000 },
    {
      ...info({ ...SPEC, name: "logs", target: "photos", lun: 1 }),
      ...{ holders: [HOLDER, HOLDER], health: "no room: the disk is full" },
    },
    { ...info({ ...SPEC, name: "old" }), health: "not served: it is damaged" },
  ],
  links: [
    { ...LINK, state: "up" },
    { ...LINK, address: "192.0.2.1:5556", state: "paused" },
  ],
  sessions: [SESSION, { ...SESSION, tsih: 5 }],
};

async function told(status: NodeStatus) {
  const { contentType, text } = await metricsPage(status, NOW);
  expect(contentType).toBe("text/plain; version=0.0.4; charset=utf-8");
  return parseMetrics(text);
}

/** Each name with its samples, by labels. */
async function figures(status: NodeStatus) {
  return Object.fromEntries(
    [...await told(status)].map(([name, { samples }]) =>
      [name.replace("vault_", ""), Object.fromEntries(samples)] as const
    ),
  );
}

const photos = (value: number) => ({ 'volume="photos"': value });
const all = (photos: number, logs: number, old: number) => ({
  'volume="photos"': photos,
  'volume="logs"': logs,
  'volume="old"': old,
});
const ofSession = (value: number) =>
  Object.fromEntries([4, 5].map((tsih) => [
    `volume="photos",device="laptop",initiator="iqn.2026-11.x:y",session="${tsih}"`,
    value,
  ]));
const ofLink = (first: number, second = first) => ({
  'device="laptop",address="192.0.2.1:5555"': first,
  'device="laptop",address="192.0.2.1:5556"': second,
});

Deno.test("each figure of a status is a sample, in base units", async () => {
  expect(await figures(FULL)).toEqual({
    build_info: { 'version="0.1.0"': 1 },
    start_time_seconds: { "": 1795348800.5 },
    mac_failures_total: { "": 1 },
    links: { 'state="up"': 1, 'state="paused"': 1 },
    volume_up: all(1, 1, 0),
    volume_healthy: all(1, 0, 0),
    volume_size_bytes: all(2 ** 30, 2 ** 30, 2 ** 30),
    volume_allocated_bytes: all(2000, 0, 0),
    volume_holders: all(1, 2, 1),
    // "logs" is behind the target of "photos".
    volume_sessions: all(2, 2, 0),
    volume_pending_bytes: photos(5120),
    volume_pending_age_seconds: photos(90),
    volume_upload_remaining_seconds: photos(60.5),
    volume_trouble: photos(1),
    volume_uploaded_bytes_total: photos(100),
    volume_fetched_bytes_total: photos(200),
    volume_moved_bytes_total: photos(300),
    volume_store_requests_total: photos(9),
    volume_store_errors_total: photos(2),
    volume_store_transfers: photos(3),
    volume_store_transfers_waiting: photos(4),
    volume_journal_bytes: photos(2 ** 16),
    volume_journal_limit_bytes: photos(2 ** 26),
    volume_cache_bytes: photos(65536),
    volume_cache_limit_bytes: photos(2 ** 20),
    volume_cache_hits_total: photos(3),
    volume_cache_misses_total: photos(1),
    volume_prefetched_bytes: photos(7),
    volume_object_bytes: photos(2000),
    volume_live_bytes: photos(1500),
    volume_inherited_bytes: photos(600),
    session_commands_total: ofSession(21),
    session_read_bytes_total: ofSession(22),
    session_written_bytes_total: ofSession(23),
    link_up: ofLink(1, 0),
    link_sent_bytes_total: ofLink(11),
    link_received_bytes_total: ofLink(12),
  });
});

Deno.test("what is uploaded is 0 old, and what nobody knows is not told", async () => {
  const with_ = (bucket: BucketInfo) =>
    figures({ ...STATUS, volumes: [{ ...info(SPEC), bucket }] });
  const { url, cacheBytes, journalBytes } = BUCKET;
  const known = { url, cacheBytes, journalBytes };

  const done = await with_({ ...known, pendingBytes: 0 });
  expect(done.volume_pending_bytes).toEqual(photos(0));
  expect(done.volume_pending_age_seconds).toEqual(photos(0));
  expect(done.volume_upload_remaining_seconds).toEqual(photos(0));
  expect(done.volume_trouble).toEqual(photos(0));

  const { pendingBytes, pendingSince } = BUCKET as Required<BucketInfo>;
  const stalled = await with_({ ...known, pendingBytes, pendingSince });
  expect(stalled.volume_pending_age_seconds).toEqual(photos(90));
  expect(stalled.volume_upload_remaining_seconds).toBeUndefined();

  // A clock that was put back makes nothing younger than new.
  const ahead = new Date(NOW + 1000).toISOString();
  const behind = new Date(NOW - 1000).toISOString();
  const odd = await with_({
    ...known,
    ...{ pendingBytes, pendingSince: ahead, uploadedAround: behind },
  });
  expect(odd.volume_pending_age_seconds).toEqual(photos(0));
  expect(odd.volume_upload_remaining_seconds).toEqual(photos(0));

  const unserved = await with_(known);
  expect(Object.keys(unserved).filter((name) => /pending|trouble/.test(name)))
    .toEqual([]);
  expect(unserved.volume_journal_limit_bytes).toEqual(photos(2 ** 26));
});

Deno.test("no label breaks the page, whatever an initiator calls itself", async () => {
  const initiator = 'iqn.2026-11.x:"}\\ 1\n# TYPE x gauge\nnew\u2028line,a="b"';
  const families = await told({
    ...STATUS,
    sessions: [{ ...SESSION, initiator }],
  });
  const { labels } = families.get("vault_session_commands_total")!;
  expect([...labels.values()]).toEqual([
    { ...{ volume: "photos", device: "laptop" }, initiator, session: "4" },
  ]);
});

Deno.test("names keep Prometheus' conventions, and nothing secret or of many words is a label", async () => {
  const families = await told(FULL);
  expect([...families.keys()]).toEqual(METRICS.map(({ name }) => name));
  for (const [name, { type, help }] of families) {
    expect(name).toMatch(/^vault_[a-z_]+$/);
    expect([name, type]).toEqual([
      name,
      name.endsWith("_total") ? "counter" : "gauge",
    ]);
    expect(name).not.toMatch(/_(ms|kb|mb|gib|percent)(_|$)/);
    expect(help).toMatch(/^[A-Z0-9`].*\.$/);
  }
  const { text } = await metricsPage(FULL, NOW);
  for (const word of ["s3:", "uploading is paused", "the disk is full"]) {
    expect(text).not.toContain(word);
  }
});

Deno.test("the README's table names them all, and no other", () => {
  const readme = Deno.readTextFileSync(
    new URL("../../README.md", import.meta.url),
  );
  const named = [...readme.matchAll(/^\| `(vault_\w+)`/gm)].map(([, name]) =>
    name
  );
  expect(named.toSorted()).toEqual(METRICS.map(({ name }) => name).toSorted());
});
