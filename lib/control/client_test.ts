import { expect } from "expect";
import { utf8 } from "../base/bytes.ts";
import { duplexPair } from "../base/duplex_pair.ts";
import { silent } from "../base/log.ts";
import { AttachmentClient, NodeClient } from "./client.ts";
import {
  Door,
  info,
  SNAPSHOT,
  SPEC,
  STATUS,
  STILL,
  VERIFIED,
  VERIFYING,
  withNode,
  WORK,
} from "./node_fixture.ts";
import type { AttachmentStatus, NewBucket } from "./operations.ts";
import { attachmentHandlers, serveControl } from "./server.ts";

const BUCKET: NewBucket = {
  url: "s3://backup/photos",
  endpoint: "http://127.0.0.1:7480",
  cacheBytes: 2 ** 30,
  journalBytes: 2 ** 30,
  upload: "20Mbit/s",
  key: { line: "vault-key1-x" },
};

Deno.test("each operation arrives with its parameters and brings its answer back", () =>
  withNode(async ({ client, asked }) => {
    expect(await client.status()).toEqual(STATUS);
    expect(await client.listVolumes()).toEqual([info(SPEC)]);
    expect(await client.createVolume(SPEC)).toEqual(info(SPEC));
    expect(await client.createVolume(SPEC, BUCKET)).toEqual(info(SPEC));
    const clone = { source: "photos", snapshot: "then", name: "try" };
    expect(await client.cloneVolume(clone, BUCKET)).toEqual(info(SPEC));
    expect(await client.recoverVolume("photos", BUCKET))
      .toEqual({ stateOf: "2026-11-22T12:00:00.000Z", liveBytes: 4096 });
    await client.recoverVolume("photos", BUCKET, true);
    expect(await client.acceptRollback("photos"))
      .toEqual({ liveBytes: 4096, givenUpBytes: 512, keptIn: "/journal" });
    const grown = await client.resizeVolume("photos", 2 ** 40);
    expect(grown.sizeBytes).toBe(2 ** 40);
    const chap = { user: "laptop", secret: "0123456789abcdef" };
    await client.setChap("photos", chap);
    await client.removeChap("photos", "laptop");
    await client.setMutualChap("photos", chap);
    await client.setMutualChap("photos", undefined);
    expect((await client.devices())[0]?.name).toBe("laptop");
    const ask = { name: "laptop", expiresMs: 900_000 };
    expect((await client.invite(ask)).code).toBe("CODE");
    const [phone] = await client.invitations();
    expect(phone).toMatchObject({ name: "phone", failedAttempts: 2 });
    const revoked = await client.revoke("laptop");
    expect(revoked).toMatchObject({ device: { name: "laptop", links: 1 } });
    expect(revoked.invitation).toEqual(phone);
    expect(asked.slice(2)).toEqual([
      ["createVolume", SPEC],
      ["createVolume", SPEC, BUCKET],
      ["cloneVolume", clone, BUCKET],
      ["recoverVolume", "photos", BUCKET, false],
      ["recoverVolume", "photos", BUCKET, true],
      ["acceptRollback", "photos"],
      ["resizeVolume", "photos", 2 ** 40],
      ["photos", chap],
      ["photos", "laptop"],
      ["photos", chap],
      ["photos", undefined],
      [],
      ["invite", ask],
      [],
      ["revoke", "laptop"],
    ]);
  }));

Deno.test("so do those that read a volume back", () =>
  withNode(async ({ client, asked }) => {
    expect(await client.verifyVolume("photos")).toEqual(VERIFYING);
    expect(await client.verifyWork("photos")).toEqual(VERIFIED);
    expect(asked).toEqual([
      ["verifyVolume", "photos"],
      ["verifyWork", "photos"],
    ]);
  }));

Deno.test("so does each operation on snapshots", () =>
  withNode(async ({ client, asked }) => {
    expect(await client.listSnapshots()).toEqual([SNAPSHOT]);
    expect(await client.listSnapshots("photos")).toEqual([SNAPSHOT]);
    expect(await client.createSnapshot("photos")).toEqual(WORK);
    expect(await client.createSnapshot("photos", "monday")).toEqual(WORK);
    await client.deleteSnapshot("photos", "monday");
    const { kind } = await client.restoreSnapshot("photos", "monday");
    expect(kind).toBe("restore");
    expect((await client.snapshotWork("photos")).done).toBe(true);
    expect(asked).toEqual([
      [undefined],
      ["photos"],
      ["photos", undefined],
      ["photos", "monday"],
      ["photos", "monday"],
      ["photos", "monday"],
      ["photos"],
    ]);
  }));

Deno.test("so does a change of limits, with what is changed alone", () =>
  withNode(async ({ client, asked }) => {
    const change = { cacheBytes: 2 ** 30, prefetch: false, upload: "off" };
    expect(await client.changeBucket("photos", change))
      .toMatchObject({ name: "photos" });
    await client.changeBucket("photos", {});
    expect(asked).toEqual([
      ["changeBucket", "photos", change],
      ["changeBucket", "photos", {}],
    ]);
  }));

Deno.test("so does what makes a volume of an image", () =>
  withNode(async ({ client, asked }) => {
    expect(await client.stageVolume(SPEC)).toBe("/imports/photos");
    expect(await client.adoptVolume(SPEC)).toEqual(info(SPEC));
    expect(asked).toEqual([[SPEC], ["adoptVolume", SPEC]]);
  }));

Deno.test("an error crosses with its hint and its kind, and a defect with its message", () =>
  withNode(async ({ client }) => {
    await expect(client.showVolume("x")).rejects.toMatchObject({
      name: "VaultError",
      message: 'There is no volume "x"',
      hint: "vault volume list names them.",
      kind: "not-found",
    });
    await expect(client.deleteVolume("x")).rejects.toThrow("a defect");
    // The conversation goes on.
    expect((await client.status()).pid).toBe(7);
  }));

Deno.test("questions asked at once are answered each with its own", () =>
  withNode(async ({ client }) => {
    const sizes = Array.from({ length: 50 }, (_, i) => (i + 1) * 512);
    const answers = await Promise.all(
      sizes.map((size) => client.resizeVolume("photos", size)),
    );
    expect(answers.map((answer) => answer.sizeBytes)).toEqual(sizes);
  }));

Deno.test("a daemon that does not answer is given up with a sentence", async () => {
  const [mine, theirs] = duplexPair();
  let expire = () => {};
  const client = new NodeClient({
    connection: mine,
    clock: {
      ...STILL,
      after: (_ms, then) => {
        expire = then;
        return () => {};
      },
    },
    timeoutMs: 5000,
  });
  const status = client.status();
  await theirs.read();
  expire();
  await expect(status).rejects.toMatchObject({
    message: "The running vault did not answer within 5 s",
    kind: "unreachable",
  });
});

Deno.test("a daemon that ends in between, or answers nonsense, is an error with a sentence", async () => {
  for (
    const [said, message] of [
      ["", "ended before it answered"],
      ['{"id":9,"result":null}\n', "another question"],
      ['{"id":1,"result":{"running":"yes"}}\n', "makes no sense"],
      ['{"id":1}\n', "something else"],
      ["hello\n", "not JSON"],
    ]
  ) {
    const [mine, theirs] = duplexPair();
    const client = new NodeClient({ connection: mine, clock: STILL });
    const status = client.status();
    await theirs.read();
    await theirs.write(utf8(said!));
    await theirs.close();
    await expect(status).rejects.toThrow(message);
  }
});

Deno.test("an attachment is asked and detached, and the answer comes before the end", async () => {
  const status: AttachmentStatus = {
    volume: "photos",
    node: "ab",
    nodeAddress: "192.0.2.1:9443",
    portal: "127.0.0.1:3260",
    iqn: "iqn.2026-11.example:photos",
    readOnly: false,
    pid: 8,
    since: "2026-11-22T12:00:00.000Z",
    link: {
      device: "laptop",
      address: "192.0.2.1:9443",
      since: "2026-11-22T12:00:00.000Z",
      state: "up",
      sent: { bytes: 1, pdus: 1, bytesPerSecond: 0 },
      received: { bytes: 1, pdus: 1, bytesPerSecond: 0.5 },
      macFailures: 0,
    },
    lease: {
      mode: "write",
      generation: 3,
      since: "2026-11-22T12:00:00.000Z",
      wantedBy: "desktop",
      view: "2026-11-26T12:00:00.000Z",
    },
    sessions: 1,
    device: "/dev/sdb",
  };
  const door = new Door();
  const server = serveControl({
    listener: door,
    handlers: attachmentHandlers({
      status: () => Promise.resolve(status),
      detach: () => {
        server.close();
        return Promise.resolve({ released: true });
      },
    }),
    log: silent,
  });
  const client = new AttachmentClient({
    connection: door.connect(),
    clock: STILL,
  });
  expect(await client.status()).toEqual(status);
  expect(await client.detach()).toEqual({ released: true });
  await server.closed;
  client.close();
});
