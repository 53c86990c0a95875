import { expect } from "expect";
import { Program, run } from "../tests/harness/process.ts";
import { TempDir } from "../tests/harness/temp_dir.ts";
import { vaultCommand } from "../tests/harness/vault.ts";
import { flipOneBit, Proxy } from "./demo/proxy.ts";

Deno.test("the demo shows all of it in less than half a minute, and leaves nothing behind", async () => {
  using dir = new TempDir();
  const began = performance.now();
  const { code, stdout, stderr } = await run({
    ...vaultCommand(["demo", "--json"]),
    env: { TMPDIR: dir.path },
  });
  expect([code, stderr.split("\n").length]).toEqual([0, 9]);
  const scenes: { act: string; passed: boolean; seen: string }[] = JSON.parse(
    stdout,
  );
  expect(scenes.map(({ passed }) => passed)).toEqual(Array(8).fill(true));
  expect(scenes.filter(({ seen }) => seen.startsWith("caught in")).length)
    .toBe(3);
  expect(performance.now() - began).toBeLessThan(30_000);
  expect([...Deno.readDirSync(dir.path)]).toEqual([]);
});

Deno.test({
  name: "a demo that is interrupted ends its daemons and leaves nothing behind",
  ignore: Deno.build.os === "windows",
  async fn() {
    using dir = new TempDir();
    const demo = new Program({
      ...vaultCommand(["demo"]),
      env: { TMPDIR: dir.path },
    });
    while (!demo.stderr.includes("[4/8]")) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(await demo.stop("SIGINT", 20_000)).toBe(130);
    expect([...Deno.readDirSync(dir.path)]).toEqual([]);
  },
});

/** A TLS record of application data. */
function record(bytes: number, fill: number): Uint8Array {
  const whole = new Uint8Array(5 + bytes).fill(fill);
  whole.set([0x17, 0x03, 0x03, bytes >> 8, bytes & 0xff]);
  return whole;
}

Deno.test("the demo's proxy does its deed to one long record and to nothing else, however the bytes are cut", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const proxy = new Proxy(listener.addr.port);
  const client = await Deno.connect({
    hostname: "127.0.0.1",
    port: proxy.port,
  });
  const server = await listener.accept();
  const meddling = proxy.meddle("up", flipOneBit);
  const records = Array.from(
    { length: 8 },
    (_, at) => record(at % 2 ? 50 : 2000, at),
  );
  const more = Array.from({ length: 4 }, () => record(1500, 0xaa));
  const all = [...records, ...more].flatMap((one) => [...one]);
  const sent = Uint8Array.from(all);
  for (let at = 0; at < sent.length;) {
    at += await client.write(sent.subarray(at, at + 777));
  }
  const got = new Uint8Array(sent.length);
  for (let at = 0; at < got.length;) {
    at += await server.read(got.subarray(at)) ?? got.length;
  }
  await meddling.done;
  const changed = [...got.keys()].filter((at) => got[at] !== sent[at]);
  // Four long ones have passed; the fifth is the first that follows the mixed ones.
  const fifth = records.reduce((sum, one) => sum + one.length, 0);
  expect(changed).toEqual([fifth + 5 + 750]);
  server.close();
  await meddling.ended;
  client.close();
  listener.close();
  proxy.close();
});
