import { expect } from "expect";
import fs from "node:fs";
import { fromUtf8, utf8 } from "../base/bytes.ts";
import type { Duplex } from "../base/duplex.ts";
import { ConnectionLost } from "../base/errors.ts";
import { connectLocal, listenLocal, localNames } from "./local_socket.ts";
import { MAX_SOCKET_PATH_BYTES, runDir, socketPath } from "./paths.ts";

async function withFolder(test: (folder: string) => Promise<void>) {
  const folder = await Deno.makeTempDir({ prefix: "vault-socket-" });
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function echo(connection: Duplex): Promise<void> {
  for (
    let bytes = await connection.read();
    bytes;
    bytes = await connection.read()
  ) await connection.write(bytes);
  await connection.close();
}

/** Asks the echo at the other end, and ends. */
async function ask(connection: Duplex, text: string): Promise<string> {
  const written = connection.write(utf8(text)).then(() => connection.close());
  let answer = "";
  for (
    let bytes = await connection.read();
    bytes;
    bytes = await connection.read()
  ) answer += fromUtf8(bytes);
  await written;
  return answer;
}

Deno.test("bytes cross a socket of the state folder both ways, and it is private and gone afterwards", () =>
  withFolder(async (stateDir) => {
    const at = { stateDir, name: "node" };
    expect(await connectLocal(at)).toBeUndefined();
    const listener = await listenLocal(at);
    expect(localNames(stateDir)).toEqual(["node"]);
    if (Deno.build.os !== "windows") {
      expect(fs.statSync(listener.address).mode & 0o777).toBe(0o600);
      expect(fs.statSync(runDir(stateDir)).mode & 0o777).toBe(0o700);
    }
    const client = await connectLocal(at);
    const served = listener.accept().then((one) => one && echo(one));
    const long = "x".repeat(1_000_000);
    expect(client && await ask(client, long)).toBe(long);
    await served;
    listener.close();
    expect(await listener.accept()).toBeUndefined();
    expect(await connectLocal(at)).toBeUndefined();
    expect(fs.readdirSync(runDir(stateDir))).toEqual([]);
  }));

Deno.test("a second listener of the same name is refused, of another name is not", () =>
  withFolder(async (stateDir) => {
    const first = await listenLocal({ stateDir, name: "node" });
    await expect(listenLocal({ stateDir, name: "node" })).rejects
      .toMatchObject({ kind: "conflict" });
    const other = await listenLocal({ stateDir, name: "attach-photos" });
    expect(localNames(stateDir)).toEqual(["attach-photos", "node"]);
    first.close();
    (await listenLocal({ stateDir, name: "node" })).close();
    other.close();
  }));

Deno.test("of many that start at once, exactly one listens", () =>
  withFolder(async (stateDir) => {
    for (let round = 0; round < 5; round++) {
      const tries = await Promise.allSettled(
        Array.from(
          { length: 16 },
          () => listenLocal({ stateDir, name: "node" }),
        ),
      );
      const won = tries.flatMap((one) =>
        one.status === "fulfilled" ? [one.value] : []
      );
      expect(won.length).toBe(1);
      won[0]?.close();
    }
  }));

Deno.test({
  name: "what a killed process left behind is replaced",
  ignore: Deno.build.os === "windows",
  fn: () =>
    withFolder(async (stateDir) => {
      const at = { stateDir, name: "node" };
      const module = new URL("./local_socket.ts", import.meta.url).href;
      const config = new URL("../../deno.json", import.meta.url).pathname;
      const child = new Deno.Command(Deno.execPath(), {
        args: [
          "eval",
          "--config",
          config,
          `import { listenLocal } from ${JSON.stringify(module)};
           const l = await listenLocal(${JSON.stringify(at)});
           console.log("ready"); await l.accept(); await l.accept();`,
        ],
        stdout: "piped",
        stderr: "inherit",
      }).spawn();
      const reader = child.stdout.getReader();
      expect(fromUtf8((await reader.read()).value!)).toContain("ready");
      await expect(listenLocal(at)).rejects.toMatchObject({ kind: "conflict" });
      child.kill("SIGKILL");
      await child.status;
      await reader.cancel();
      expect(fs.existsSync(socketPath(at))).toBe(true);
      expect(await connectLocal(at)).toBeUndefined();
      const listener = await listenLocal(at);
      const client = await connectLocal(at);
      expect(client).toBeDefined();
      client?.abort();
      listener.close();
    }),
});

Deno.test({
  name: "a state folder whose path is too long for a socket gets a short one",
  ignore: Deno.build.os === "windows",
  fn: () =>
    withFolder(async (folder) => {
      const stateDir = `${folder}/${"long".repeat(30)}`;
      const at = { stateDir, name: "node" };
      const listener = await listenLocal(at);
      expect(listener.address.length <= MAX_SOCKET_PATH_BYTES).toBe(true);
      expect(listener.address.startsWith(stateDir)).toBe(false);
      const client = await connectLocal(at);
      const served = listener.accept().then((one) => one && echo(one));
      expect(client && await ask(client, "hello")).toBe("hello");
      await served;
      listener.close();
      expect(fs.existsSync(listener.address)).toBe(false);
    }),
});

Deno.test("an aborted conversation rejects pending and later reads and writes", () =>
  withFolder(async (stateDir) => {
    const at = { stateDir, name: "node" };
    const listener = await listenLocal(at);
    const client = await connectLocal(at);
    const server = await listener.accept();
    const read = client!.read();
    client!.abort();
    await expect(read).rejects.toThrow(ConnectionLost);
    await expect(client!.read()).rejects.toThrow(ConnectionLost);
    await expect(client!.write(utf8("x"))).rejects.toThrow(ConnectionLost);
    expect(await server!.read()).toBeUndefined();
    await server!.close();
    listener.close();
  }));

Deno.test("a name that would leave the folder is refused", async () => {
  for (const name of ["../x", "", "a/b", "A", "a\0"]) {
    await expect(connectLocal({ stateDir: "/nowhere", name })).rejects
      .toMatchObject({ kind: "usage" });
  }
});

Deno.test({
  name: "a socket in a folder that others may enter is nobody's to talk to",
  ignore: Deno.build.os === "windows",
  fn: () =>
    withFolder(async (folder) => {
      const at = { stateDir: `${folder}/state`, name: "node" };
      const theirs = `${folder}/theirs`;
      fs.mkdirSync(theirs);
      const listener = await listenLocal({ stateDir: theirs, name: "node" });
      fs.mkdirSync(runDir(at.stateDir), { recursive: true, mode: 0o700 });
      fs.writeFileSync(`${runDir(at.stateDir)}/node.at`, listener.address);
      const reached = await connectLocal(at);
      expect(reached).toBeDefined();
      reached?.abort();
      fs.chmodSync(runDir(theirs), 0o711);
      expect(await connectLocal(at)).toBeUndefined();
      fs.chmodSync(runDir(theirs), 0o700);
      fs.renameSync(runDir(theirs), `${theirs}/moved`);
      fs.symlinkSync(`${theirs}/moved`, runDir(theirs));
      expect(await connectLocal(at)).toBeUndefined();
      listener.close();
    }),
});
