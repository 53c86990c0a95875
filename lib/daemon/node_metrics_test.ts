/** `--metrics` of a real node, over real sockets. */
import { expect } from "expect";
import { freePort } from "../../tests/harness/loopback.ts";
import { type Family, parseMetrics } from "../../tests/harness/metrics_text.ts";
import { until, within } from "../../tests/harness/until.ts";
import { openDisk } from "../initiator/disk.ts";
import { silent } from "../base/log.ts";
import { join } from "../os/paths.ts";
import { MAX_SCRAPERS, PAGE_MS } from "./metrics_service.ts";
import { runNode } from "./node.ts";
import { ANY_PORT, INITIATOR, MIB, onRoad } from "./testing/road.ts";

const LOCAL = "127.0.0.1";

async function scrape(
  address: string | undefined,
): Promise<ReadonlyMap<string, Family>> {
  const answer = await fetch(`http://${address}/metrics`);
  const text = await answer.text();
  expect([answer.status, text]).toEqual([200, expect.any(String)]);
  return parseMetrics(text);
}

const portOf = (address: string) => Number(address.split(":").at(-1));

onRoad(
  "a scraper sees volumes, links and logins as status tells them",
  async (road) => {
    const node = await road.nodeWithVolume({ metrics: ANY_PORT });
    const attachment = await road.attach();
    const session = await road.session(attachment);
    const disk = await openDisk(session);
    await disk.write(0, new Uint8Array(MIB).fill(1));
    await disk.read(0, 512);

    const page = await scrape(node.metrics);
    const { volumes, links, sessions } = await node.operations.status();
    const only = (name: string) => {
      const { samples, labels } = page.get(name)!;
      expect(samples.size).toBe(1);
      return {
        value: [...samples.values()][0],
        labels: [...labels.values()][0],
      };
    };
    expect(only("vault_volume_size_bytes")).toEqual({
      ...{ value: 64 * MIB, labels: { volume: "photos" } },
    });
    expect(only("vault_volume_up").value).toBe(1);
    expect(only("vault_volume_holders").value).toBe(1);
    expect(only("vault_volume_allocated_bytes").value)
      .toBe(volumes[0]?.allocatedBytes);
    const { tsih, commands } = sessions[0]!;
    const login = {
      ...{ volume: "photos", device: "laptop", initiator: INITIATOR },
      session: String(tsih),
    };
    expect(only("vault_session_written_bytes_total"))
      .toEqual({ value: MIB, labels: login });
    expect(only("vault_session_commands_total"))
      .toEqual({ value: commands, labels: login });
    expect(only("vault_link_up")).toEqual({
      value: 1,
      labels: { device: "laptop", address: links[0]!.address },
    });
    expect(only("vault_link_received_bytes_total").value)
      .toBeGreaterThan(MIB);
  },
);

onRoad("two logins of one initiator are told apart", async (road) => {
  const node = await road.nodeWithVolume({ metrics: ANY_PORT });
  const attachment = await road.attach();
  const first = await openDisk(await road.session(attachment));
  await road.session(attachment);
  await first.write(0, new Uint8Array(MIB).fill(1));
  const page = await scrape(node.metrics);
  const { samples } = page.get("vault_session_written_bytes_total")!;
  expect([...samples.values()].toSorted((a, b) => a - b)).toEqual([0, MIB]);
});

onRoad("what is no more is not told any more", async (road) => {
  const node = await road.nodeWithVolume({ metrics: ANY_PORT });
  expect((await scrape(node.metrics)).has("vault_volume_up")).toBe(true);
  await node.operations.deleteVolume("photos");
  await until(
    "the page is a new one",
    async () => !(await scrape(node.metrics)).has("vault_volume_up"),
    {
      timeoutMs: PAGE_MS * 5,
    },
  );
});

onRoad(
  "a port that is taken stops the start, and nothing is left of it",
  async (road) => {
    const listener = Deno.listen({ hostname: LOCAL, port: 0 });
    const listen = { hostname: LOCAL, port: freePort() };
    const start = (port: number) =>
      road.node({ listen, metrics: { hostname: LOCAL, port } });
    try {
      await expect(start(listener.addr.port)).rejects.toMatchObject({
        message:
          `Cannot listen on 127.0.0.1:${listener.addr.port}: another program does`,
        hint: "Name another port, or end the program that holds it.",
        kind: "conflict",
      });
      await expect(Deno.connect(listen)).rejects.toThrow();
    } finally {
      listener.close();
    }
    // Neither its folder nor its port is held.
    const node = await start(listener.addr.port);
    expect(node.metrics).toBe(`127.0.0.1:${listener.addr.port}`);
  },
);

onRoad("a start that fails later lets go of the port", async (road) => {
  const taken = Deno.listen({ hostname: LOCAL, port: 0 });
  const metrics = { hostname: LOCAL, port: freePort() };
  try {
    await expect(road.node({ listen: taken.addr, metrics })).rejects.toThrow(
      "Cannot listen",
    );
    Deno.listen(metrics).close();
  } finally {
    taken.close();
  }
});

onRoad(
  "a node that ends answers nobody, and waits for nobody who asks",
  async (road) => {
    const node = await road.node({ metrics: ANY_PORT });
    const port = portOf(node.metrics!);
    const idle = await Deno.connect({ hostname: LOCAL, port });
    await scrape(node.metrics);
    const stopping = node.stop();
    await within(stopping, { what: "the stop", timeoutMs: 5000 });
    await expect(Deno.connect({ hostname: LOCAL, port })).rejects.toThrow();
    const left = await idle.read(new Uint8Array(1)).catch(() => null);
    expect(left).toBe(null);
    idle.close();
  },
);

onRoad(
  "a crowd that says nothing keeps nobody from the disk, and is gone in time",
  async (road) => {
    const node = await road.nodeWithVolume({ metrics: ANY_PORT });
    const port = portOf(node.metrics!);
    const crowd = await Promise.all(
      Array.from(
        { length: 200 },
        () => Deno.connect({ hostname: LOCAL, port }),
      ),
    );
    // Those that are too many are cut.
    const cut = crowd.map((one) =>
      one.read(new Uint8Array(1)).catch(() => null)
    );
    let gone = 0;
    for (const one of cut) void one.then(() => gone++);
    await until("the rest is cut", () => gone === 200 - MAX_SCRAPERS);
    const session = await road.session(await road.attach());
    const disk = await openDisk(session);
    await disk.write(0, new Uint8Array(512).fill(7));
    expect((await disk.read(0, 1))[511]).toBe(7);
    for (const one of crowd) one.close();
    await until(
      "there is room again",
      async () =>
        (await scrape(node.metrics).catch(() => undefined)) !== undefined,
    );
  },
);

Deno.test("metrics leave loopback only where that is asked for", async () => {
  const stateDir = Deno.makeTempDirSync();
  const everywhere = { hostname: "0.0.0.0", port: 0 };
  const start = (unsafeNonLoopback: boolean) =>
    runNode({
      ...{ stateDir: join(stateDir, "vm"), listen: ANY_PORT, log: silent },
      ...{ metrics: everywhere, unsafeNonLoopback },
    });
  try {
    await expect(start(false)).rejects.toMatchObject({
      message: "0.0.0.0:0 is not a loopback address",
      hint: expect.stringContaining("names of volumes and devices"),
      kind: "usage",
    });
    const node = await start(true);
    const page = await scrape(`${LOCAL}:${portOf(node.metrics!)}`);
    expect(page.has("vault_build_info")).toBe(true);
    await node.stop();
  } finally {
    Deno.removeSync(stateDir, { recursive: true });
  }
});
