import { expect } from "expect";
import { concat } from "../base/bytes.ts";
import { ConnectionLost, VaultError } from "../base/errors.ts";
import type { Duplex } from "../base/duplex.ts";
import {
  connectTcp,
  isLoopback,
  listenTcp,
  parseAddress,
  renderAddress,
} from "./tcp.ts";

async function pair() {
  const listener = listenTcp({ hostname: "127.0.0.1", port: 0 });
  const [client, server] = await Promise.all([
    connectTcp({ hostname: "127.0.0.1", port: listener.port }),
    listener.accept(),
  ]);
  listener.close();
  return { client, server: server! };
}

async function readAll(duplex: Duplex): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for (let part; (part = await duplex.read());) parts.push(part.slice());
  return concat(parts);
}

Deno.test("bytes arrive in order over many writes, and the end is clean in both directions", async () => {
  const { client, server } = await pair();
  const sent = Uint8Array.from({ length: 3_000_000 }, (_, i) => i % 251);
  const received = readAll(server);
  const writes: Promise<void>[] = [];
  for (let at = 0; at < sent.length; at += 70_001) {
    writes.push(client.write(sent.subarray(at, at + 70_001)));
  }
  await Promise.all(writes);
  await client.close();
  expect((await received).every((byte, i) => byte === i % 251)).toBe(true);
  await server.write(Uint8Array.of(9));
  await server.close();
  expect([...await readAll(client)]).toEqual([9]);
});

Deno.test("an abort ends a pending read with its reason and shows on the other side", async () => {
  const { client, server } = await pair();
  const pending = client.read();
  client.abort(new ConnectionLost("enough"));
  await expect(pending).rejects.toThrow("enough");
  await expect(client.write(Uint8Array.of(1))).rejects.toThrow("enough");
  expect(await server.read()).toBeUndefined();
  await server.close();
});

Deno.test("a write nobody reads waits", async () => {
  const { client, server } = await pair();
  let done = false;
  const write = client.write(new Uint8Array(64 * 1024 * 1024)).then(
    () => done = true,
    () => {},
  );
  await server.read();
  expect(done).toBe(false);
  server.abort();
  client.abort();
  await write;
  expect(done).toBe(false);
});

Deno.test("a closed listener accepts no more, a taken port is a sentence with a hint", async () => {
  const listener = listenTcp({ hostname: "127.0.0.1", port: 0 });
  expect(() => listenTcp({ hostname: "127.0.0.1", port: listener.port }))
    .toThrow("another program does");
  const accepted = listener.accept();
  listener.close();
  expect(await accepted).toBeUndefined();
  await expect(connectTcp({ hostname: "127.0.0.1", port: listener.port }))
    .rejects.toThrow(VaultError);
});

Deno.test("addresses parse and render, and only loopback counts as such", () => {
  for (const text of ["127.0.0.1:3260", "[::1]:1", "vm.example.org:9443"]) {
    expect(renderAddress(parseAddress(text))).toBe(text);
  }
  for (
    const text of [
      "",
      "127.0.0.1",
      ":80",
      "::1:80",
      "host:99999",
      "host:-1",
      "a b",
      "host:80 ",
    ]
  ) {
    expect(() => parseAddress(text)).toThrow(VaultError);
  }
  for (const host of ["127.0.0.1", "127.9.9.9", "::1", "localhost"]) {
    expect(isLoopback({ hostname: host, port: 1 })).toBe(true);
  }
  for (
    const host of [
      "0.0.0.0",
      "::",
      "127.0.0.1.example.org",
      "10.0.0.1",
      "localhost.example.org",
    ]
  ) {
    expect(isLoopback({ hostname: host, port: 1 })).toBe(false);
  }
});
