import { expect } from "expect";
import { flipBit, type Instead, Proxy } from "./proxy.ts";
import { until, within } from "./until.ts";

/** A record as TLS frames them, of application data. */
function record(...body: number[]): Uint8Array {
  return Uint8Array.of(
    0x17,
    0x03,
    0x03,
    body.length >> 8,
    body.length,
    ...body,
  );
}

/** A listener behind a proxy, and a connection to it through that. */
class Wire implements AsyncDisposable {
  readonly received: number[] = [];
  #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly proxy = Proxy.start((this.#listener.addr as Deno.NetAddr).port);
  readonly serverEnded: Promise<void> = this.#serve();
  client!: Deno.Conn;

  static async open(): Promise<Wire> {
    const wire = new Wire();
    wire.client = await Deno.connect({
      hostname: "127.0.0.1",
      port: wire.proxy.port,
    });
    await until("a passage", () => wire.proxy.open.size === 1);
    return wire;
  }

  async #serve(): Promise<void> {
    const connection = await this.#listener.accept();
    const buffer = new Uint8Array(4096);
    try {
      for (;;) {
        const length = await connection.read(buffer);
        if (length === null) break;
        this.received.push(...buffer.subarray(0, length));
      }
    } catch {
      // Reset.
    }
    connection.close();
  }

  async send(...records: Uint8Array[]): Promise<void> {
    for (const bytes of records) await this.client.write(bytes);
  }

  async expect(...records: Uint8Array[]): Promise<void> {
    const wanted = records.flatMap((bytes) => [...bytes]);
    await until("bytes", () => this.received.length >= wanted.length);
    expect(this.received).toEqual(wanted);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.proxy[Symbol.asyncDispose]();
    await this.serverEnded;
    this.client.close();
    this.#listener.close();
  }
}

const [one, two, three] = [record(1, 2, 3), record(4), record(5, 6)];

Deno.test("records pass, in pieces of any size", async () => {
  await using wire = await Wire.open();
  for (const byte of [...one, ...two, ...three]) {
    await wire.client.write(Uint8Array.of(byte));
  }
  await wire.expect(one, two, three);
});

const ACTS: readonly {
  name: string;
  records?: number;
  act: (records: readonly Uint8Array[]) => Instead;
  wanted: Uint8Array[];
}[] = [
  {
    name: "flipped",
    act: ([bytes]) => ({ send: [flipBit(bytes!, 5)] }),
    wanted: [one, record(5), three],
  },
  { name: "left out", act: () => ({ send: [] }), wanted: [one, three] },
  {
    name: "repeated",
    act: ([bytes]) => ({ send: [bytes!, bytes!] }),
    wanted: [one, two, two, three],
  },
  {
    name: "swapped",
    records: 2,
    act: ([first, next]) => ({ send: [next!, first!] }),
    wanted: [one, three, two],
  },
  {
    name: "cut short",
    act: ([bytes]) => ({ send: [bytes!.subarray(0, 3)], cut: true }),
    wanted: [one, two.subarray(0, 3)],
  },
];

for (const { name, records, act, wanted } of ACTS) {
  Deno.test(`one record is ${name}, once`, async () => {
    await using wire = await Wire.open();
    const met = wire.proxy.meddleOnce("toServer", {
      wanted: ({ index }) => index >= 1,
      ...(records === undefined ? {} : { records }),
      act,
    });
    await wire.send(one, two, three);
    await met;
    await wire.expect(...wanted);
    if (name === "cut short") {
      await within(wire.serverEnded, { what: "the end", timeoutMs: 1000 });
    }
  });
}

Deno.test("what is held goes on when it is released", async () => {
  await using wire = await Wire.open();
  await wire.send(one);
  await wire.expect(one);
  wire.proxy.hold("toServer");
  await wire.send(two);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(wire.received.length).toBe(one.length);
  wire.proxy.release("toServer");
  await wire.expect(one, two);
});

Deno.test("an end that closes is closed on the other side", async () => {
  await using wire = await Wire.open();
  const [passage] = wire.proxy.open;
  await wire.client.closeWrite();
  await within(wire.serverEnded, { what: "the end", timeoutMs: 1000 });
  await within(passage!.ended, { what: "the end of both", timeoutMs: 1000 });
});
