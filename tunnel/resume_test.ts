import { expect } from "expect";
import { systemPrimitives as primitives } from "../lib/os/primitives.ts";
import { dialLink, resumeLink } from "./dial.ts";
import { equalBytes } from "../lib/base/bytes.ts";
import { silent } from "../lib/base/log.ts";
import { systemClock } from "../lib/os/clock.ts";
import type { DeviceIdentity } from "../lib/pki/identity.ts";
import type { LinkPump } from "./link_pump.ts";
import { MAX_LINKS_PER_DEVICE } from "./listen.ts";
import {
  decodeResume,
  decodeResumed,
  encodeResume,
  encodeResumed,
  encodeUnknown,
  isProved,
  type LinkResumeKeys,
} from "./resume_message.ts";
import { pattern, readExactly } from "./testing/links.ts";
import { type TestNode, withNode } from "./testing/node.ts";
import { startProxy } from "./testing/proxy.ts";

const WINDOW_MS = 60_000;

function options(identity: DeviceIdentity, address?: string) {
  return {
    identity,
    primitives,
    clock: systemClock,
    log: silent,
    audit: () => {},
    resumeWindowMs: WINDOW_MS,
    ...(address === undefined ? {} : { address }),
  };
}

const withResumes = (
  test: (node: TestNode) => Promise<void>,
  resumeWindowMs = WINDOW_MS,
) => withNode(test, { resumeWindowMs });

/** Both ends of a link that the device dials at `address`, and a channel of it. */
async function open(
  node: TestNode,
  identity: DeviceIdentity,
  address?: string,
) {
  const device = await dialLink(options(identity, address));
  const link = (await node.listener.accept()) as LinkPump;
  const asked = device.open({ kind: "test" });
  const near = (await link.accept())!.accept();
  return { device, link, near, far: await asked };
}

/** Resolves when the link is in that state. */
function becomes(link: LinkPump, wanted: string): Promise<void> {
  if (link.state === wanted) return Promise.resolve();
  return new Promise((resolve) =>
    link.watch((state) => state === wanted && resolve())
  );
}

Deno.test("a link goes on over another connection: nothing is lost, and nothing comes twice", () =>
  withResumes(async (node) => {
    const identity = await node.device("laptop");
    const proxy = startProxy(node.address);
    const { device, link, near, far } = await open(
      node,
      identity,
      proxy.address,
    );
    // In the middle of records, both ways, again and again.
    let passed = 0;
    proxy.meddle = (bytes) => ++passed % 29 === 0 ? undefined : bytes;
    device.watch((state) => {
      if (state !== "paused") return;
      const again = (): Promise<unknown> =>
        resumeLink(device, options(identity, proxy.address)).catch(again);
      void again();
    });
    const whole = pattern(6_000_000);
    const write = async (end: typeof near) => {
      for (let at = 0; at < whole.length; at += 50_000) {
        await end.write(whole.subarray(at, at + 50_000));
      }
    };
    const [, , up, down] = await Promise.all([
      write(near),
      write(far),
      readExactly(far, whole.length),
      readExactly(near, whole.length),
    ]);
    expect(equalBytes(up, whole) && equalBytes(down, whole)).toBe(true);
    expect(node.audit.filter(({ kind }) => kind === "link resumed").length)
      .toBeGreaterThan(0);
    expect(link.stats.macFailures + device.stats.macFailures).toBe(0);
    proxy.meddle = (bytes) => bytes;
    device.abort("over");
    proxy.close();
  }));

Deno.test("a node that has not noticed that the connection is gone takes the new one", () =>
  withResumes(async (node) => {
    const identity = await node.device("laptop");
    const { device, link, near, far } = await open(node, identity);
    device.pause("the address changed");
    expect(link.state).toBe("up");
    await near.write(pattern(10));
    expect(await resumeLink(device, options(identity))).toBe(true);
    expect(await readExactly(far, 10)).toEqual(pattern(10));
    await far.write(pattern(20));
    expect(await readExactly(near, 20)).toEqual(pattern(20));
    device.abort("over");
  }));

Deno.test("nobody else takes up a link: not another device, nor whoever does not have its secret", () =>
  withResumes(async (node) => {
    const identity = await node.device("laptop");
    const { device, link } = await open(node, identity);
    const other = await node.device("phone");
    const resumption = (part: LinkPump) => part.resumption!;
    const impostor = await dialLink(options(identity));
    const theirs = (await node.listener.accept()) as LinkPump;
    impostor.pause("to try");
    device.pause("to try");
    // Another enrolled device that has learned the secret.
    expect(await resumeLink(device, options(other))).toBe(false);
    // The same device with the id of one link and the secret of another.
    const forged = Object.create(impostor, {
      linkId: { value: device.linkId },
      resumption: { value: resumption(impostor) },
      next: { value: 0 },
      peer: { value: impostor.peer },
    }) as LinkPump;
    expect(await resumeLink(forged, options(identity))).toBe(false);
    await Promise.all([becomes(link, "paused"), becomes(theirs, "paused")]);
    expect(await resumeLink(device, options(identity))).toBe(true);
    device.abort("over");
    impostor.abort("over");
  }));

Deno.test("a RESUME that was held up on its way does not disturb the link, which has gone on since", () =>
  withResumes(async (node) => {
    const identity = await node.device("laptop");
    const { device, link, near, far } = await open(node, identity);
    // Much, so that it is acknowledged; what is written after that comes behind the acknowledgement.
    await near.write(pattern(600_000));
    await readExactly(far, 600_000);
    await far.write(pattern(1));
    await readExactly(near, 1);
    const late = Object.create(device, {
      linkId: { value: device.linkId },
      resumption: { value: device.resumption },
      next: { value: 0 },
      peer: { value: device.peer },
    }) as LinkPump;
    expect(await resumeLink(late, options(identity))).toBe(false);
    expect([device.state, link.state]).toEqual(["up", "up"]);
    await near.write(pattern(10));
    expect(await readExactly(far, 10)).toEqual(pattern(10));
    device.abort("over");
  }));

Deno.test("a revoked device's paused link ends at once, and is not taken up", () =>
  withResumes(async (node) => {
    const identity = await node.device("laptop");
    const { device, link } = await open(node, identity);
    device.pause("the lid was closed");
    link.pause("cut");
    node.registry.revoke("laptop", Date.now());
    expect((await link.closed).kind).toBe("refused");
    await expect(resumeLink(device, options(identity))).rejects.toThrow(
      /revoked/,
    );
    device.abort("over");
  }));

Deno.test("when the window is over the link ends, and its channels with it", () =>
  withResumes(async (node) => {
    const identity = await node.device("laptop");
    const { device, link, near } = await open(node, identity);
    device.pause("the lid was closed");
    expect((await link.closed).kind).toBe("cut");
    await expect(near.read()).rejects.toThrow(/cut|ended/);
    expect(await resumeLink(device, options(identity))).toBe(false);
    device.abort("over");
  }, 200));

Deno.test("a device that comes anew takes the place of what it left behind", () =>
  withResumes(async (node) => {
    const identity = await node.device("laptop");
    const left: LinkPump[] = [];
    for (let n = 0; n < MAX_LINKS_PER_DEVICE; n++) {
      left.push(await dialLink(options(identity)));
      await node.listener.accept();
    }
    for (const link of node.listener.links) (link as LinkPump).pause("cut");
    const fresh = await dialLink(options(identity));
    expect(node.listener.links.length).toBe(MAX_LINKS_PER_DEVICE);
    expect(node.listener.links.filter(({ state }) => state === "paused").length)
      .toBe(MAX_LINKS_PER_DEVICE - 1);
    for (const link of [...left, fresh]) link.abort("over");
  }));

Deno.test("the proofs of both ends are of this link, connection, side and number", () => {
  const random = () => primitives.random(32);
  const keys: LinkResumeKeys = {
    primitives,
    secret: random(),
    connection: random(),
    linkId: primitives.random(16),
  };
  const body = (bytes: Uint8Array) => bytes.subarray(4);
  const asked = decodeResume(body(encodeResume(keys, 77)));
  expect(asked.next).toBe(77);
  expect(isProved(keys, asked)).toBe(true);
  expect(isProved(keys, { ...asked, next: 78 })).toBe(false);
  for (
    const other of [
      { secret: random() },
      { connection: random() },
      { linkId: primitives.random(16) },
    ]
  ) {
    expect(isProved({ ...keys, ...other }, asked)).toBe(false);
    expect(() =>
      decodeResumed({ ...keys, ...other }, body(encodeResumed(keys, 5)))
    )
      .toThrow(/same link/);
  }
  expect(decodeResumed(keys, body(encodeResumed(keys, 5)))).toBe(5);
  expect(decodeResumed(keys, body(encodeUnknown(keys)))).toBe(undefined);
  expect(() =>
    decodeResumed({ ...keys, connection: random() }, body(encodeUnknown(keys)))
  )
    .toThrow(/same link/);
  // A device's own words are no node's.
  const reflected = new Uint8Array([
    0,
    ...body(encodeResume(keys, 5)).subarray(16),
  ]);
  expect(() => decodeResumed(keys, reflected)).toThrow(/same link/);
  for (
    const whole of [body(encodeResume(keys, 1)), body(encodeResumed(keys, 1))]
  ) {
    for (let length = 0; length < whole.length; length++) {
      expect(() => decodeResume(whole.subarray(0, length))).toThrow(/short/);
      if (whole.length < 45) {
        expect(() => decodeResumed(keys, whole.subarray(0, length))).toThrow(
          /short/,
        );
      }
    }
  }
});
