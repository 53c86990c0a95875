/** A device that says what it likes over its link: the node believes none of it. */
import { expect } from "expect";
import { utf8 } from "../base/bytes.ts";
import { silent } from "../base/log.ts";
import { systemClock } from "../os/clock.ts";
import { systemPrimitives } from "../os/primitives.ts";
import type { Channel } from "../../tunnel/channel.ts";
import { dialLink } from "../../tunnel/dial.ts";
import type { Link } from "../../tunnel/link.ts";
import { chooseNode } from "./joined.ts";
import { DeviceLine, MAX_LINE_BYTES, NodeLine } from "./lease_lines.ts";
import { LineTalk } from "./line_talk.ts";
import { StateFolder } from "./state_folder.ts";
import { onRoad } from "./testing/road.ts";
import { twoDevices, until } from "./testing/two_devices.ts";

const MINE = "a".repeat(32);
const ASK = {
  kind: "lease",
  volume: "photos",
  mode: "write",
  attachment: MINE,
} as const;
const ISCSI = {
  kind: "iscsi",
  volume: "photos",
  attachment: MINE,
  generation: 1,
  portal: "127.0.0.1:3260",
} as const;

function dial(stateDir: string): Promise<Link> {
  return dialLink({
    identity: chooseNode(new StateFolder(stateDir), undefined),
    clock: systemClock,
    primitives: systemPrimitives,
    log: silent,
    audit: () => {},
    signal: new AbortController().signal,
  });
}

function talkOver(channel: Channel): LineTalk<NodeLine, DeviceLine> {
  return new LineTalk(channel, {
    schema: NodeLine,
    maxLineBytes: MAX_LINE_BYTES,
  });
}

onRoad(
  "a conversation of an initiator goes on under a lease that its own device holds, and no other",
  async (road) => {
    const { desktop, node } = await twoDevices(road);
    const laptop = await dial(`${road.folder}/laptop`);
    const other = await dial(desktop.stateDir);
    const refused = async (link: Link, ask: Record<string, unknown>) =>
      await expect(link.open({ ...ISCSI, ...ask })).rejects.toMatchObject({
        kind: "conflict",
        message: 'This attachment does not hold "photos" any more',
      });
    await refused(laptop, {});
    const talk = talkOver(await laptop.open(ASK));
    expect(await talk.receive()).toMatchObject({
      kind: "granted",
      generation: 1,
    });
    const channel = await laptop.open(ISCSI);
    await refused(laptop, { generation: 2 });
    await refused(laptop, { attachment: "b".repeat(32) });
    // All that the holder knows does not help another device.
    await refused(other, {});
    const stolen = talkOver(await other.open({ ...ASK, generation: 1 }));
    expect(await stolen.receive()).toMatchObject({ kind: "fenced" });
    await node.operations.releaseVolume("photos");
    expect(await talk.receive()).toMatchObject({ kind: "fenced" });
    // Not only when the login that it has not begun takes too long.
    const cut = channel.read().then(() => "read", () => "cut");
    const late = new AbortController();
    const later = systemClock.sleep(5000, late.signal).catch(() => {});
    expect(await Promise.race([cut, later])).toBe("cut");
    late.abort();
    await refused(laptop, {});
    const again = talkOver(await laptop.open({ ...ASK, generation: 1 }));
    expect(await again.receive()).toMatchObject({
      kind: "fenced",
      why: "whoever runs the node released it",
    });
    await Promise.all([laptop.close(), other.close()]);
  },
);

onRoad(
  "junk, and the end of the channel, release nothing; whoever comes again keeps what it has",
  async (road) => {
    const { desktop, holders } = await twoDevices(road);
    const link = await dial(`${road.folder}/laptop`);
    const first = await link.open(ASK);
    await talkOver(first).receive();
    await first.write(utf8('{"kind":"released","by":7}\n').subarray(0, 5));
    await first.write(utf8("\n"));
    await until(async () => (await holders())[0] === "laptop write 1 gone");
    const second = await link.open({ ...ASK, generation: 1 });
    expect(await talkOver(second).receive()).toMatchObject({
      kind: "granted",
      generation: 1,
    });
    await second.close();
    await until(async () => (await holders())[0] === "laptop write 1 gone");
    const third = talkOver(await link.open({ ...ASK, generation: 1 }));
    expect(await third.receive()).toMatchObject({ kind: "granted" });
    // Over another channel the same attachment speaks for itself, and the older one is over.
    const fourth = talkOver(await link.open({ ...ASK, generation: 1 }));
    expect(await fourth.receive()).toMatchObject({ kind: "granted" });
    expect(await third.receive()).toBeUndefined();
    third.say({ kind: "released" });
    await third.end();
    expect(await holders()).toEqual(["laptop write 1 up"]);
    await expect(road.attach(desktop)).rejects.toThrow("laptop has held it");
    fourth.say({ kind: "released" });
    expect(await fourth.receive()).toBeUndefined();
    expect(await holders()).toEqual([]);
    await link.close();
  },
);

onRoad(
  "a take-over is over when whoever wanted it has gone, and nobody can want it without bound",
  async (road) => {
    const { desktop, holders } = await twoDevices(road);
    const laptop = await dial(`${road.folder}/laptop`);
    const holder = talkOver(await laptop.open(ASK));
    await holder.receive();
    const link = await dial(desktop.stateDir);
    const takeOver = { boundMs: 60_000, now: false };
    const want = { ...ASK, attachment: "b".repeat(32), takeOver };
    const taker = await link.open(want);
    expect(await holder.receive()).toMatchObject({
      kind: "handover-wanted",
      by: "desktop",
    });
    for (let n = 0; n < 200; n++) {
      holder.mention({ kind: "progress", text: `step ${n}` });
    }
    taker.abort();
    expect(await holder.receive()).toEqual({ kind: "handover-off" });
    expect(await holders()).toEqual(["laptop write 1 up"]);
    for (const boundMs of [-1, 1e9, 0.5]) {
      await expect(link.open({ ...want, takeOver: { ...takeOver, boundMs } }))
        .rejects.toThrow("does not understand");
    }
    await Promise.all([laptop.close(), link.close()]);
  },
);
