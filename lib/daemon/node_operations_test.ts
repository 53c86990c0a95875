/** What a running node answers about volumes that are not well. */

import { expect } from "expect";
import { silent } from "../base/log.ts";
import { systemClock as clock } from "../os/clock.ts";
import { systemPrimitives as primitives } from "../os/primitives.ts";
import { FakeFile } from "../store/testing.ts";
import { Targets } from "../target/targets.ts";
import { nodeOperations } from "./node_operations.ts";
import { NodeState } from "./node_state.ts";
import { openLeases } from "./leases.ts";
import { ServedVolumes } from "./served_volumes.ts";
import { StateFolder } from "./state_folder.ts";

const SIZE_BYTES = 64 * 1024;
const PHOTOS = {
  name: "photos",
  sizeBytes: SIZE_BYTES,
  blockSizeBytes: 512,
  readOnly: false,
} as const;

/** A node whose volumes are served from files that tests make fail. */
async function withNode(
  run: (node: {
    operations: ReturnType<typeof nodeOperations>;
    volumes: ServedVolumes;
    state: NodeState;
    file: FakeFile;
  }) => Promise<void>,
): Promise<void> {
  const path = Deno.makeTempDirSync({ prefix: "vault-operations-" });
  const folder = new StateFolder(path);
  const state = await NodeState.open({ folder, primitives, clock });
  try {
    const file = new FakeFile(SIZE_BYTES, { canPunch: true });
    state.catalog.openData = () => file;
    const volumes = new ServedVolumes({
      primitives,
      audit: () => {},
      catalog: state.catalog,
      targets: new Targets({ clock, log: silent }),
      nodeId: state.identity.nodeId,
      clock,
      log: silent,
    });
    const operations = nodeOperations({
      primitives,
      state,
      clock,
      guessAddress: () => undefined,
      live: {
        volumes,
        leases: openLeases({ state, folder, volumes, clock, log: silent }),
        pid: 1,
        since: new Date().toISOString(),
        listen: "127.0.0.1:1",
        macFailures: 0,
        links: () => [],
        sessions: () => [],
      },
    });
    await run({ operations, volumes, state, file });
  } finally {
    state.release();
    Deno.removeSync(path, { recursive: true });
  }
}

Deno.test("a failed sync of its file shows as the volume's health, and the volume can still be deleted", () =>
  withNode(async ({ operations, volumes, file }) => {
    await operations.createVolume(PHOTOS);
    expect((await operations.status()).volumes[0]!.health).toBe("ok");
    file.failing.sync = "EIO";
    const { store } = volumes.target("photos").units.get(0)!;
    store.write(0, Uint8Array.of(1));
    await expect(store.drain!()).rejects.toThrow("Refused, because");
    const [photos] = (await operations.status()).volumes;
    expect(photos!.health).toMatch(
      /^failed: Could not drain: Could not sync: .*EIO/,
    );
    const deleting = operations.deleteVolume("photos");
    // Nor does the list fail meanwhile.
    for (let list; (list = await operations.listVolumes()).length > 0;) {
      expect(list[0]!.health).toMatch(/^failed|^not served$/);
    }
    await deleting;
    expect(file.closed).toBe(true);
  }));

Deno.test("a document that cannot be written leaves a disk that grows as it was", () =>
  withNode(async ({ operations, volumes, state }) => {
    await operations.createVolume(PHOTOS);
    const { update } = state.catalog;
    state.catalog.update = () => {
      throw new Error("No room");
    };
    await expect(operations.resizeVolume("photos", 2 * SIZE_BYTES)).rejects
      .toThrow("No room");
    const volume = volumes.target("photos").units.get(0)!;
    expect(volume.sizeBytes).toBe(SIZE_BYTES);
    expect((await operations.showVolume("photos")).sizeBytes).toBe(SIZE_BYTES);
    state.catalog.update = update;
    await operations.resizeVolume("photos", 3 * SIZE_BYTES);
    expect(volume.sizeBytes).toBe(3 * SIZE_BYTES);
    expect(state.catalog.get("photos").sizeBytes).toBe(3 * SIZE_BYTES);
    await volumes.close();
  }));

Deno.test("a volume that cannot be served is not made", () =>
  withNode(async ({ operations, state }) => {
    state.catalog.openData = () => {
      throw new Error("No more files");
    };
    await expect(operations.createVolume(PHOTOS)).rejects.toThrow("No more");
    expect(await operations.listVolumes()).toEqual([]);
  }));

Deno.test("a volume whose target is gone is named, and can be deleted; nothing is served without its target", () =>
  withNode(async ({ operations, volumes, state }) => {
    await operations.createVolume(PHOTOS);
    await operations.createVolume({
      ...PHOTOS,
      name: "logs",
      target: "photos",
    });
    const logs = state.catalog.get("logs");
    state.catalog.update({ ...logs, behind: { target: "gone", lun: 1 } });
    await volumes.close();
    await volumes.openAll();
    expect(() => volumes.target("logs")).toThrow(
      'Volume "logs" is not served: there is no volume "gone"',
    );
    expect((await operations.showVolume("logs")).target).toBe("gone");
    await operations.deleteVolume("logs");
    expect((await operations.listVolumes()).map(({ name }) => name))
      .toEqual(["photos"]);
  }));
