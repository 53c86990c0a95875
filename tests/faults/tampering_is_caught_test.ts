/**
 * Whatever is done to the records between the two ends, the connection that it was done to ends, initiators read nothing but what was
 * written, and the next connection works. What a thief behind TLS could do to the records inside is the tunnel's own test.
 */
import { expect } from "expect";
import {
  type FoundDisk,
  onlyDisk,
  tryReadCapacity,
} from "../harness/libiscsi.ts";
import type { RunResult } from "../harness/process.ts";
import {
  type Direction,
  flipBit,
  type Instead,
  isApplicationData,
  Proxy,
  type TlsRecord,
} from "../harness/proxy.ts";
import { qemuIo, qemuIoOk } from "../harness/qemu.ts";
import { scenario } from "../harness/scenario.ts";
import { until, within } from "../harness/until.ts";
import { Tunnel } from "../harness/vault.ts";

/** A record that is left out may be the last for a while; the next ping shows that it is missing. */
const CAUGHT_WITHIN_MS = 12_000;

interface Case {
  readonly name: string;
  /** How many records in a row; one unless told otherwise. */
  readonly records?: number;
  /** What goes on in place of them. `kept` is a record of another connection in the same direction. */
  act(records: readonly Uint8Array[], kept: Uint8Array): Instead;
}

const CASES: readonly Case[] = [
  {
    name: "a bit of the data flipped",
    act: ([record]) => ({ send: [flipBit(record!, 200)] }),
  },
  {
    name: "a bit of the tag flipped",
    act: ([record]) => ({ send: [flipBit(record!, -1)] }),
  },
  {
    name: "a bit of the length flipped",
    act: ([record]) => ({ send: [flipBit(record!, 4)] }),
  },
  { name: "a record left out", act: () => ({ send: [] }) },
  {
    name: "a record repeated",
    act: ([record]) => ({ send: [record!, record!] }),
  },
  {
    name: "two records swapped",
    records: 2,
    act: ([first, next]) => ({ send: [next!, first!] }),
  },
  {
    name: "a record cut short",
    act: ([record]) => ({ send: [record!.subarray(0, 700)], cut: true }),
  },
  {
    name: "all after a record cut off",
    act: ([record]) => ({ send: [record!], cut: true }),
  },
  {
    name: "a record of another connection put in",
    act: ([record], kept) => ({ send: [kept, record!] }),
  },
  {
    name: "junk put in",
    act: ([record]) => ({
      send: [crypto.getRandomValues(new Uint8Array(64)), record!],
    }),
  },
];

for (const direction of ["toServer", "toClient"] as const) {
  scenario(`tampering is caught on the way ${direction}`, {
    peers: ["iscsi-ls", "iscsi-readcapacity16", "qemu-io", "qemu-iscsi"],
    timeoutMs: 240_000,
  }, async () => {
    await using stage = await Stage.open();
    const kept = await stage.keepRecord(direction);
    for (const [number, one] of CASES.entries()) {
      await stage.play(direction, one, { kept, pattern: 0x10 + number });
    }
  });
}

/** Long enough to carry blocks. */
function carriesData(record: TlsRecord): boolean {
  return isApplicationData(record) && record.bytes.length > 1000;
}

class Stage implements AsyncDisposable {
  readonly #tunnel: Tunnel;
  readonly #proxy: Proxy;
  readonly #disk: FoundDisk;

  private constructor(
    parts: { tunnel: Tunnel; proxy: Proxy; disk: FoundDisk },
  ) {
    this.#tunnel = parts.tunnel;
    this.#proxy = parts.proxy;
    this.#disk = parts.disk;
  }

  static async open(): Promise<Stage> {
    let proxy: Proxy | undefined;
    const tunnel = await Tunnel.open({
      volumes: [{ name: "disk", size: "64MiB" }],
      between: (port) => (proxy = Proxy.start(port)).port,
    });
    const disk = await onlyDisk(tunnel.portal);
    return new Stage({ tunnel, proxy: proxy!, disk });
  }

  /** Lets a record pass, gives a copy of it, and ends its connection. */
  async keepRecord(direction: Direction): Promise<Uint8Array> {
    let kept: Uint8Array = new Uint8Array();
    const done = this.#proxy.meddleOnce(direction, {
      wanted: carriesData,
      act: ([record]) => ({ send: [kept = record!] }),
    });
    await qemuIoOk(this.#disk.url, ["write -P 0x01 0 1M", "read -P 0x01 0 1M"]);
    await done;
    await this.#expectNewLink(() => this.#proxy.cutAll());
    return kept;
  }

  /** Known content, the meddling in the midst of reads and writes, the link's end, and the content again. */
  async play(
    direction: Direction,
    one: Case,
    given: { kept: Uint8Array; pattern: number },
  ): Promise<void> {
    const { url } = this.#disk;
    const read = `read -P ${given.pattern} 0 8M`;
    const write = "write -P 0xee 8M 8M";
    await qemuIoOk(url, [`write -P ${given.pattern} 0 8M`, write]);
    // Several initiators on one link: what is left out at one shows by the records of the others.
    let load: Promise<RunResult[]> = Promise.resolve([]);
    await this.#expectNewLink(async () => {
      const done = this.#proxy.meddleOnce(direction, {
        wanted: carriesData,
        ...(one.records === undefined ? {} : { records: one.records }),
        act: (records) => one.act(records, given.kept),
      });
      load = Promise.all([
        qemuIo(url, [read, write, read]),
        qemuIo(url, [write, read, write]),
        tryReadCapacity(url),
      ]);
      await within(done, { what: one.name, timeoutMs: 20_000 });
    });
    for (const { stdout, stderr } of await load) {
      // It may have been told of an error, never of a byte that was not written.
      expect(`${one.name}: ${stdout}${stderr}`).not.toContain("verification");
    }
    await qemuIoOk(url, [read, "read -P 0xee 8M 8M"]);
    expect(this.#tunnel.serve.exited).toBe(undefined);
    expect(this.#tunnel.attach.exited).toBe(undefined);
  }

  /** Does `what` to the one connection that is open, and waits until it has ended and another has come. */
  async #expectNewLink(what: () => void | Promise<void>): Promise<void> {
    const { open } = this.#proxy;
    await until("one link", () => open.size === 1);
    const [passage] = open;
    await what();
    await within(passage!.ended, {
      what: "the end of the link that was meddled with",
      timeoutMs: CAUGHT_WITHIN_MS,
    });
    await until("a new link", () => open.size === 1 && !open.has(passage!), {
      timeoutMs: 30_000,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tunnel[Symbol.asyncDispose]();
    await this.#proxy[Symbol.asyncDispose]();
  }
}
