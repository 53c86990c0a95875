import { expect } from "expect";
import fc from "fast-check";
import { utf8 } from "../base/bytes.ts";
import type { Duplex, Listener } from "../base/duplex.ts";
import { duplexPair } from "../base/duplex_pair.ts";
import { VaultError } from "../base/errors.ts";
import { type Log, silent } from "../base/log.ts";
import { systemClock } from "../os/clock.ts";
import { AttachmentClient, NodeClient } from "./client.ts";
import type {
  AttachmentStatus,
  NodeOperations,
  NodeStatus,
  VolumeInfo,
  VolumeSpec,
} from "./operations.ts";
import { MAX_REQUEST_BYTES } from "./schema.ts";
import {
  attachmentHandlers,
  MAX_CONTROL_CONNECTIONS,
  nodeHandlers,
  serveControl,
} from "./server.ts";

const SPEC: VolumeSpec = {
  name: "photos",
  sizeBytes: 2 ** 30,
  blockSizeBytes: 512,
  readOnly: false,
};

function info(spec: VolumeSpec): VolumeInfo {
  return {
    ...spec,
    iqn: `iqn.2026-11.example:${spec.name}`,
    serial: "0123",
    naa: "3000000000000000",
    allocatedBytes: 0,
    createdAt: "2026-11-22T12:00:00.000Z",
    health: "ok",
    chapUsers: [],
  };
}

const STATUS: NodeStatus = {
  running: true,
  version: "0.1.0",
  pid: 7,
  node: "ab",
  volumes: [info(SPEC)],
  links: [],
  sessions: [],
};

/** A node that writes down what it is asked. */
function fakeNode() {
  const asked: unknown[][] = [];
  const note = <T>(answer: T) => (...what: unknown[]) => {
    asked.push(what);
    return Promise.resolve(answer);
  };
  const device = {
    name: "laptop",
    fingerprint: "ff",
    enrolledAt: "2026-11-22T12:00:00.000Z",
    expiresAt: "2036-11-22T12:00:00.000Z",
    links: 1,
  };
  const node: NodeOperations = {
    status: note(STATUS),
    listVolumes: note([info(SPEC)]),
    showVolume: (name) =>
      Promise.reject(
        new VaultError(`There is no volume "${name}"`, {
          hint: "vault volume list names them.",
          kind: "not-found",
        }),
      ),
    createVolume: (spec) => note(info(spec))("createVolume", spec),
    resizeVolume: (name, sizeBytes) =>
      note(info({ ...SPEC, name, sizeBytes }))("resizeVolume", name, sizeBytes),
    deleteVolume: () => Promise.reject(new TypeError("a defect")),
    setChap: note(undefined),
    removeChap: note(undefined),
    setMutualChap: note(undefined),
    devices: note([device]),
    invite: (ask) =>
      note({
        code: "CODE",
        name: ask.name,
        expiresAt: "2026-11-22T12:15:00.000Z",
        address: ask.advertise ?? "192.0.2.1:9443",
      })("invite", ask),
    revoke: (name) => note({ ...device, name })("revoke", name),
  };
  return { node, asked };
}

/** A listener that is handed its connections. */
class Door implements Listener<Duplex> {
  readonly address = "memory";
  #waiting: Duplex[] = [];
  #wake: (() => void) | undefined;
  #closed = false;

  connect(): Duplex {
    const [mine, theirs] = duplexPair();
    this.#waiting.push(theirs);
    this.#wake?.();
    return mine;
  }

  async accept(): Promise<Duplex | undefined> {
    while (this.#waiting.length === 0 && !this.#closed) {
      await new Promise<void>((wake) => this.#wake = wake);
    }
    return this.#waiting.shift();
  }

  close(): void {
    this.#closed = true;
    this.#wake?.();
  }
}

async function withNode(
  test: (
    parts: { door: Door; asked: unknown[][]; client: NodeClient },
  ) => Promise<void>,
  log: Log = silent,
): Promise<void> {
  const door = new Door();
  const { node, asked } = fakeNode();
  const server = serveControl({
    listener: door,
    handlers: nodeHandlers(node),
    log,
  });
  const client = new NodeClient({
    connection: door.connect(),
    clock: systemClock,
  });
  await test({ door, asked, client });
  client.close();
  server.close();
  await server.closed;
}

async function readAll(connection: Duplex): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  try {
    for (
      let bytes = await connection.read();
      bytes;
      bytes = await connection.read()
    ) text += decoder.decode(bytes, { stream: true });
  } catch {
    // Cut: what came before counts.
  }
  return text;
}

Deno.test("each operation arrives with its parameters and brings its answer back", () =>
  withNode(async ({ client, asked }) => {
    expect(await client.status()).toEqual(STATUS);
    expect(await client.listVolumes()).toEqual([info(SPEC)]);
    expect(await client.createVolume(SPEC)).toEqual(info(SPEC));
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
    expect((await client.revoke("laptop")).name).toBe("laptop");
    expect(asked.slice(2)).toEqual([
      ["createVolume", SPEC],
      ["resizeVolume", "photos", 2 ** 40],
      ["photos", chap],
      ["photos", "laptop"],
      ["photos", chap],
      ["photos", undefined],
      [],
      ["invite", ask],
      ["revoke", "laptop"],
    ]);
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

Deno.test("parameters that make no sense are refused before anybody acts on them", () =>
  withNode(async ({ door, asked }) => {
    for (
      const [method, params] of [
        ["createVolume", []],
        ["createVolume", [{ ...SPEC, sizeBytes: -1 }]],
        ["createVolume", [{ ...SPEC, sizeBytes: 1.5 }]],
        ["createVolume", [{ ...SPEC, blockSizeBytes: 1024 }]],
        ["createVolume", [SPEC, SPEC]],
        ["resizeVolume", ["photos", "1GiB"]],
        ["showVolume", ["x".repeat(1025)]],
        ["status", [1]],
        ["invite", [{ name: "x", expiresMs: 0 }]],
        ["__proto__", []],
        ["constructor", []],
      ]
    ) {
      const connection = door.connect();
      await connection.write(
        utf8(JSON.stringify({ id: 3, method, params }) + "\n"),
      );
      await connection.close();
      const answer = JSON.parse(await readAll(connection));
      expect([method, answer.id, typeof answer.error?.message]).toEqual([
        method,
        3,
        "string",
      ]);
    }
    expect(asked).toEqual([]);
  }));

Deno.test("junk is answered with an error and the end of its connection, and disturbs nobody", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.oneof(
          fc.uint8Array({ maxLength: 200 }),
          fc.string().map(utf8),
          fc.json().map((text) => utf8(text + "\n")),
        ),
        { minLength: 1, maxLength: 10 },
      ),
      (chunks) =>
        withNode(async ({ door, client }) => {
          const connection = door.connect();
          const answer = readAll(connection);
          try {
            for (const chunk of chunks) await connection.write(chunk);
            await connection.close();
          } catch {
            // Ended by the server while it was still being written to.
          }
          for (const line of (await answer).split("\n")) {
            if (line) expect(JSON.parse(line)).toHaveProperty("error.message");
          }
          expect((await client.status()).running).toBe(true);
        }),
    ),
    { numRuns: 50 },
  );
});

Deno.test("a line that never ends is cut at the limit", () =>
  withNode(async ({ door, client }) => {
    const connection = door.connect();
    const answer = readAll(connection);
    await connection.write(new Uint8Array(MAX_REQUEST_BYTES + 1).fill(0x20));
    expect(JSON.parse(await answer).error.message).toContain("longer than");
    expect((await client.status()).running).toBe(true);
  }));

Deno.test("thousands of idle connections take the places of each other, never of one that asks", () =>
  withNode(async ({ door, client }) => {
    const first = door.connect();
    const cut = first.read().then(() => "ended", () => "cut");
    for (let i = 0; i < 20; i++) {
      for (let j = 0; j < 100; j++) {
        // Half a request holds a place no better than none.
        await door.connect().write(utf8('{"id":'));
      }
      // Beaten out of its place once all others came later, so it is a new one that asks.
      await client.status().catch(() => {});
    }
    expect(await cut).toBe("cut");
    const late = new NodeClient({
      connection: door.connect(),
      clock: systemClock,
    });
    expect((await late.status()).running).toBe(true);
    late.close();
  }));

Deno.test("a connection that asks in time outlives as many idle ones as there are places", () =>
  withNode(async ({ door, client }) => {
    for (let i = 0; i < 4 * MAX_CONTROL_CONNECTIONS; i++) {
      door.connect();
      if (i % (MAX_CONTROL_CONNECTIONS / 2) === 0) await client.status();
    }
    expect((await client.status()).running).toBe(true);
  }));

Deno.test("a daemon that does not answer is given up with a sentence", async () => {
  const [mine, theirs] = duplexPair();
  let expire = () => {};
  const client = new NodeClient({
    connection: mine,
    clock: {
      ...systemClock,
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
    const client = new NodeClient({ connection: mine, clock: systemClock });
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
        return Promise.resolve();
      },
    }),
    log: silent,
  });
  const client = new AttachmentClient({
    connection: door.connect(),
    clock: systemClock,
  });
  expect(await client.status()).toEqual(status);
  await client.detach();
  await server.closed;
  client.close();
});
