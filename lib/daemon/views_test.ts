/** Views of volumes, from the file system's reflinks to an initiator that reads. */

import { expect } from "expect";
import {
  ReflinkFolder,
  whyNoReflinkFolder,
} from "../../tests/harness/reflink_folder.ts";
import { scenario } from "../../tests/harness/scenario.ts";
import { TempDir } from "../../tests/harness/temp_dir.ts";
import { duplexPair } from "../base/duplex_pair.ts";
import { silent } from "../base/log.ts";
import { openDisk, type RemoteDisk } from "../initiator/disk.ts";
import { connectInitiator } from "../initiator/initiator.ts";
import { systemClock as clock } from "../os/clock.ts";
import { openFile } from "../os/file.ts";
import { systemPrimitives as primitives } from "../os/primitives.ts";
import { serveConnection } from "../target/connection.ts";
import { Targets } from "../target/targets.ts";
import { Catalog } from "./catalog.ts";
import { ServedVolumes } from "./served_volumes.ts";
import { MAX_VIEWS, Views } from "./views.ts";

const MIB = 2 ** 20;
const NODE_ID = "ab".repeat(32);
const BLOCKS = 2 * MIB / 512;

/** A node's volumes "photos" and, behind its target, "logs", without the daemon around them. */
class Shelf implements AsyncDisposable {
  readonly folder: string;
  readonly targets = new Targets({ clock, log: silent });
  readonly catalog: Catalog;
  readonly volumes: ServedVolumes;
  readonly views: Views;
  readonly #ends: (() => unknown)[] = [];

  private constructor(folder: string) {
    this.folder = folder;
    this.catalog = new Catalog(folder, { primitives, clock });
    const { catalog, targets } = this;
    const world = { catalog, targets, clock, log: silent };
    this.volumes = new ServedVolumes({
      ...world,
      ...{ primitives, audit: () => {}, nodeId: NODE_ID },
    });
    this.views = new Views({ ...world, volumes: this.volumes, primitives });
  }

  static async at(folder: string): Promise<Shelf> {
    const shelf = new Shelf(folder);
    const spec = { sizeBytes: 2 * MIB, readOnly: false } as const;
    await shelf.catalog.create({
      ...spec,
      name: "photos",
      blockSizeBytes: 512,
    });
    await shelf.catalog.create({
      ...spec,
      name: "logs",
      blockSizeBytes: 512,
      target: "photos",
    });
    await shelf.volumes.openAll();
    return shelf;
  }

  async session(targetName?: string) {
    const [near, far] = duplexPair();
    const served = serveConnection(far, {
      targets: this.targets,
      ...(targetName === undefined ? {} : { only: targetName }),
      targetAddress: "127.0.0.1:3260",
      device: "laptop",
      readOnly: false,
      clock,
      primitives,
      log: silent,
    });
    const session = await connectInitiator({
      duplex: near,
      primitives,
      initiatorName: "iqn.2026-11.internal.vault:test",
      ...(targetName === undefined ? {} : { targetName }),
    });
    this.#ends.push(async () => {
      await session.logout().catch(() => {});
      await served;
    });
    return session;
  }

  get iqn(): string {
    return this.volumes.target("photos").iqn;
  }

  /** What lies beside a volume's bytes. */
  files(volume: string): string[] {
    return [...Deno.readDirSync(`${this.folder}/${volume}`)]
      .map(({ name }) => name).sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const end of this.#ends.reverse()) await end();
    await this.targets.drain(1000);
    await this.volumes.close();
  }
}

const filled = (value: number) => new Uint8Array(2 * MIB).fill(value);

async function all(disk: RemoteDisk): Promise<Set<number>> {
  return new Set(await disk.read(0, BLOCKS));
}

const onReflinks = (name: string, run: (shelf: Shelf) => Promise<void>) =>
  scenario(name, {
    peers: ["root", "mkfs.xfs"],
    unable: whyNoReflinkFolder,
    timeoutMs: 60_000,
  }, async () => {
    using place = new ReflinkFolder();
    await using shelf = await Shelf.at(`${place.path}/volumes`);
    await run(shelf);
  });

onReflinks("a view does not move while others write", async (shelf) => {
  const writer = await shelf.session(shelf.iqn);
  const [photos, logs] = [await openDisk(writer), await openDisk(writer, 1)];
  await photos.write(0, filled(1));
  await logs.write(0, filled(11));
  const view = await shelf.views.ofNow("photos");
  await photos.write(0, filled(2));
  await logs.write(0, filled(12));

  const reader = await shelf.session(view.target.iqn);
  const [seen, beside] = [await openDisk(reader), await openDisk(reader, 1)];
  expect([await all(seen), await all(beside)])
    .toEqual([new Set([1]), new Set([11])]);
  await expect(seen.write(0, new Uint8Array(512))).rejects.toThrow();
  expect([await all(photos), await all(logs)])
    .toEqual([new Set([2]), new Set([12])]);

  // Nothing of it has a name on the disk, and its names for initiators are its own.
  expect(shelf.files("photos")).toEqual(["data", "journal", "volume.json"]);
  expect(view.target.iqn).not.toBe(shelf.iqn);
  const designators = await Promise.all(
    [writer, reader].map(async (session) => {
      const into = new Uint8Array(255);
      const cdb = Uint8Array.of(0x12, 1, 0x83, 0, into.length, 0);
      await session.command({ lun: 0, cdb, into });
      return into;
    }),
  );
  expect(designators[0]).not.toEqual(designators[1]);

  await view.close();
  await expect(seen.read(0, 1)).rejects.toThrow();
  expect(shelf.targets.list().map(({ iqn }) => iqn)).toEqual([shelf.iqn]);
  expect(await all(photos)).toEqual(new Set([2]));
});

onReflinks("a view is of one moment of all volumes", async (shelf) => {
  const writer = await shelf.session(shelf.iqn);
  const [photos, logs] = [await openDisk(writer), await openDisk(writer, 1)];
  let enough = false;
  const written = (async () => {
    for (let turn = 1; !enough; turn++) {
      const block = new Uint8Array(512);
      new DataView(block.buffer).setUint32(0, turn);
      await photos.write(0, block);
      await logs.write(0, block);
      // Without sockets between them, nothing else would ever have its turn.
      await clock.sleep(0);
    }
  })();
  let last = 0;
  for (let round = 0; round < 20; round++) {
    const view = await shelf.views.ofNow("photos");
    const session = await shelf.session(view.target.iqn);
    const [first, second] = await Promise.all([0, 1].map(async (lun) => {
      const bytes = await (await openDisk(session, lun)).read(0, 1);
      return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
    }));
    expect([0, 1]).toContain(first! - second!);
    expect(first).toBeGreaterThanOrEqual(last);
    last = first!;
    await view.close();
  }
  enough = true;
  await written;
  expect(last).toBeGreaterThan(1);
});

onReflinks(
  "discovery lists no view, and its CHAP is that of the target",
  async (shelf) => {
    const view = await shelf.views.ofNow("photos");
    const found = await (await shelf.session()).discover();
    expect(found.map(({ name }) => name)).toEqual([shelf.iqn]);
    const chap = { users: [{ user: "u", secret: new Uint8Array(12) }] };
    shelf.volumes.target("photos").chap = chap;
    expect(view.target.chap).toEqual(chap);
    await expect(shelf.session(view.target.iqn)).rejects.toThrow();
    await view.close();
  },
);

onReflinks("a node shows so many views and no more", async (shelf) => {
  const views = [];
  for (let n = 0; n < MAX_VIEWS; n++) {
    views.push(await shelf.views.ofNow("photos"));
  }
  await expect(shelf.views.ofNow("photos")).rejects.toMatchObject({
    kind: "conflict",
  });
  await views.pop()!.close();
  await (await shelf.views.ofNow("photos")).close();
  for (const view of views) await view.close();
});

Deno.test("where bytes cannot be shared there is no view of now, and nothing is left; a snapshot can be looked at", async () => {
  using dir = new TempDir();
  await using shelf = await Shelf.at(dir.at("volumes"));
  await expect(shelf.views.ofNow("photos")).rejects.toMatchObject({
    kind: "refused",
    hint: expect.stringContaining("attach with --snapshot NAME"),
  });
  expect(shelf.files("photos")).toEqual(["data", "journal", "volume.json"]);

  const writer = await shelf.session(shelf.iqn);
  const photos = await openDisk(writer);
  await photos.write(0, filled(2));
  const kept = (volume: string, value: number) => {
    const folder = shelf.catalog.snapshots(volume);
    const half = folder.begin("before");
    const file = openFile(`${half}/data`, { create: true });
    file.write(0, filled(value));
    file.close();
    folder.finish(half, {
      version: 1,
      name: "before",
      createdAt: "2026-11-01T10:00:00.000Z",
      sizeBytes: 2 * MIB,
      blockSizeBytes: 512,
    });
  };
  kept("photos", 1);
  await expect(shelf.views.ofSnapshot("photos", "before")).rejects
    .toMatchObject({
      kind: "not-found",
      message: 'There is no snapshot "before" of volume "logs"',
    });
  kept("logs", 7);
  const view = await shelf.views.ofSnapshot("photos", "before");
  expect(new Date(view.atMs).toISOString()).toBe("2026-11-01T10:00:00.000Z");
  const reader = await shelf.session(view.target.iqn);
  const [seen, beside] = [await openDisk(reader), await openDisk(reader, 1)];
  // It may be deleted meanwhile.
  shelf.catalog.snapshots("photos").delete("before");
  expect([await all(seen), await all(beside)])
    .toEqual([new Set([1]), new Set([7])]);
  await view.close();
});

onReflinks("what is being erased is shown to nobody", async (shelf) => {
  const note = shelf.catalog.erasure("logs");
  note.write({ method: { kind: "block-erase" }, unrestrictedExit: false });
  await expect(shelf.views.ofNow("photos")).rejects.toMatchObject({
    kind: "conflict",
    message: 'Volume "logs" is being erased',
  });
  note.clear();
  await (await shelf.views.ofNow("photos")).close();
});

Deno.test("a view that a crash has left is cleared up", async () => {
  using dir = new TempDir();
  {
    await using _shelf = await Shelf.at(dir.at("volumes"));
  }
  const catalog = new Catalog(dir.at("volumes"), { primitives, clock });
  Deno.writeTextFileSync(catalog.viewPath("photos"), "left");
  catalog.recover();
  expect(
    [...Deno.readDirSync(dir.at("volumes/photos"))].map(({ name }) => name),
  )
    .not.toContainEqual(expect.stringMatching(/^view/));
});
