/** Volumes that cannot be served: of a node that runs, of one that does not, and what becomes of the others. */

import { expect } from "expect";
import type { Log } from "../base/log.ts";
import type { NodeOperations } from "../control/operations.ts";
import { openDisk } from "../initiator/disk.ts";
import { join } from "../os/paths.ts";
import { parseAddress } from "../os/tcp.ts";
import { openNode } from "./stopped_node.ts";
import { MIB, onRoad, type Road } from "./testing/road.ts";

const SPEC = { sizeBytes: MIB, blockSizeBytes: 512, readOnly: false } as const;

function edit(path: string, more: Record<string, unknown>): void {
  const document = JSON.parse(Deno.readTextFileSync(path));
  Deno.writeTextFileSync(path, JSON.stringify({ ...document, ...more }));
}

/** What somebody does to the folder of "logs", and what is said of it then. */
const HARMS: readonly (readonly [
  name: string,
  harm: (folder: string) => void,
  said: string,
])[] = [
  [
    "cut data",
    (folder) => Deno.truncateSync(join(folder, "data"), 512),
    "has 512 bytes and should have 1048576",
  ],
  [
    "missing data",
    (folder) => Deno.removeSync(join(folder, "data")),
    "Cannot open",
  ],
  [
    "a damaged document",
    (folder) => Deno.writeTextFileSync(join(folder, "volume.json"), "{"),
    "it is not JSON",
  ],
  [
    "a missing document",
    (folder) => Deno.removeSync(join(folder, "volume.json")),
    "volume.json is missing",
  ],
  [
    "the document of another",
    (folder) => edit(join(folder, "volume.json"), { name: "photos" }),
    'it is that of "photos"',
  ],
  [
    "a size of nothing",
    (folder) => edit(join(folder, "volume.json"), { sizeBytes: 0 }),
    "A volume cannot have 0 bytes",
  ],
  [
    "damaged reservations",
    (folder) => Deno.writeTextFileSync(join(folder, "reservations.json"), "{}"),
    "reservations.json",
  ],
  [
    "a damaged note of erasing",
    (folder) => Deno.writeTextFileSync(join(folder, "erasure.json"), "{}"),
    "erasure.json",
  ],
  [
    "a folder that is none",
    (folder) => {
      Deno.removeSync(folder, { recursive: true });
      Deno.writeTextFileSync(folder, "");
    },
    "Cannot read the folder",
  ],
];

function complaints(): { readonly log: Log; readonly errors: string[] } {
  const errors: string[] = [];
  const log = {
    debug() {},
    info() {},
    warn() {},
    error: (message: string) => void errors.push(message),
  };
  return { log, errors };
}

const healthOf = async (node: NodeOperations, name: string) =>
  (await node.showVolume(name)).health;

/** A node that has stopped, with the volumes "photos" and "logs". */
async function stopped(road: Road, more: Record<string, unknown> = {}) {
  const node = await road.nodeWithVolume();
  await node.operations.createVolume({ ...SPEC, name: "logs", ...more });
  await node.stop();
  const listen = parseAddress(node.listen);
  return { folder: join(road.folder, "vm", "node", "volumes"), listen };
}

for (const [name, harm, said] of HARMS) {
  onRoad(
    `${name} of a volume keeps no other from being served, and is told`,
    async (road) => {
      const { folder, listen } = await stopped(road);
      harm(join(folder, "logs"));
      const closed = await openNode({ stateDir: join(road.folder, "vm") });
      expect(await healthOf(closed.operations, "logs")).toContain(said);
      expect(await healthOf(closed.operations, "photos")).toBe("ok");
      closed.release();

      const { log, errors } = complaints();
      const { operations } = await road.node({ log, listen });
      expect(errors).toEqual([expect.stringContaining(said)]);
      expect(errors[0]).toMatch(/^Volume "logs" is not served: /);
      const { volumes } = await operations.status();
      expect(volumes.map(({ health }) => health === "ok")).toEqual([
        false,
        true,
      ]);
      expect(volumes[0]!.health).toContain(said);
      expect(await operations.listVolumes()).toEqual(volumes);

      await openDisk(await road.session(await road.attach()));
      await expect(road.attach({ volume: "logs" })).rejects.toMatchObject({
        message: expect.stringContaining(said),
        hint: expect.any(String),
      });
      await operations.deleteVolume("logs");
      expect((await operations.listVolumes()).length).toBe(1);
      await operations.createVolume({ ...SPEC, name: "logs" });
      expect(await healthOf(operations, "logs")).toBe("ok");
    },
  );
}

onRoad(
  "of two volumes that claim one LUN neither is served, until one of them is deleted",
  async (road) => {
    const { folder, listen } = await stopped(road, { target: "photos" });
    const again = await road.node({ listen });
    await again.operations.createVolume({
      ...SPEC,
      name: "swap",
      target: "photos",
    });
    await again.stop();
    edit(join(folder, "swap", "volume.json"), {
      behind: { target: "photos", lun: 1 },
    });
    const { log, errors } = complaints();
    const { operations } = await road.node({ log, listen });
    expect(errors.length).toBe(2);
    for (const name of ["logs", "swap"]) {
      expect(await healthOf(operations, name)).toMatch(
        /^not served: LUN 1 of the target of "photos" is claimed by "\w+", too$/,
      );
    }
    const session = await road.session(await road.attach());
    await openDisk(session);
    await expect(openDisk(session, 1)).rejects.toThrow();
    await operations.deleteVolume("swap");
    expect(await healthOf(operations, "logs")).toBe("ok");
    await openDisk(session, 1);
    expect(errors.length).toBe(2);
  },
);

onRoad(
  "a target that cannot be served takes those behind it along, and the node runs nevertheless",
  async (road) => {
    const { folder, listen } = await stopped(road, { target: "photos" });
    Deno.removeSync(join(folder, "photos", "data"));
    const { operations } = await road.node({ listen });
    expect(await healthOf(operations, "photos")).toContain("Cannot open");
    expect(await healthOf(operations, "logs")).toBe(
      'not served: volume "photos", behind whose target it is, is not served',
    );
    await expect(operations.resizeVolume("photos", 2 * MIB)).rejects.toThrow(
      'Volume "photos" is not served: ',
    );
    await operations.setChap("photos", {
      user: "me",
      secret: "twelve-bytes",
    });
    await operations.createVolume({ ...SPEC, name: "music" });
    expect(await healthOf(operations, "music")).toBe("ok");
  },
);

onRoad(
  "a volume behind one that is itself behind another is named",
  async (road) => {
    const { folder, listen } = await stopped(road, { target: "photos" });
    const again = await road.node({ listen });
    await again.operations.createVolume({ ...SPEC, name: "swap" });
    await again.stop();
    edit(join(folder, "swap", "volume.json"), {
      behind: { target: "logs", lun: 2 },
    });
    const { operations } = await road.node({ listen });
    expect(await healthOf(operations, "swap")).toContain(
      "has no target of its own",
    );
    expect(await healthOf(operations, "logs")).toBe("ok");
  },
);
