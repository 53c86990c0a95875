import { expect } from "expect";
import fs from "node:fs";
import {
  defaultStateDir,
  MAX_SOCKET_PATH_BYTES,
  privateFolder,
  socketPath,
  type Surroundings,
} from "./paths.ts";

function on(
  os: string,
  uid: number | null,
  env: Record<string, string>,
): Surroundings {
  return { os, uid, env: (name) => env[name] };
}

Deno.test("the state folder follows each platform's convention", () => {
  const home = { HOME: "/home/ann" };
  for (
    const [where, folder] of [
      [on("linux", 0, home), "/var/lib/vault"],
      [on("linux", 1000, home), "/home/ann/.local/state/vault"],
      [on("linux", 1000, { ...home, XDG_STATE_HOME: "/s" }), "/s/vault"],
      [
        on("linux", 1000, { ...home, XDG_STATE_HOME: "relative" }),
        "/home/ann/.local/state/vault",
      ],
      [
        on("darwin", 501, { HOME: "/Users/ann" }),
        "/Users/ann/Library/Application Support/vault",
      ],
      [on("darwin", 0, {}), "/var/lib/vault"],
      [
        on("windows", null, { LOCALAPPDATA: "C:\\Users\\ann\\AppData\\Local" }),
        "C:\\Users\\ann\\AppData\\Local\\vault",
      ],
      [
        on("windows", null, { USERPROFILE: "C:\\Users\\ann" }),
        "C:\\Users\\ann\\AppData\\Local\\vault",
      ],
    ] as const
  ) expect(defaultStateDir(where)).toBe(folder);
  for (const os of ["linux", "darwin", "windows"]) {
    expect(() => defaultStateDir(on(os, 1000, {}))).toThrow(
      "Cannot tell where to keep the state",
    );
  }
});

Deno.test({
  name: "a socket's path always fits, and is the same each time",
  ignore: Deno.build.os === "windows",
  fn() {
    for (let length = 1; length < 400; length++) {
      const stateDir = "/" + "x".repeat(length);
      for (const env of [{}, { XDG_RUNTIME_DIR: "/run/user/1000" }]) {
        const ask = {
          stateDir,
          name: "attach-photos",
          where: on("linux", 1000, env),
        };
        const path = socketPath(ask);
        expect(path.length <= MAX_SOCKET_PATH_BYTES).toBe(true);
        expect(socketPath(ask)).toBe(path);
      }
    }
    const far = { stateDir: "/" + "x".repeat(200), name: "node" };
    expect(socketPath({ ...far, where: on("linux", 7, {}) })).toMatch(
      /^\/tmp\/vault-7\/[0-9a-f]{32}\.sock$/,
    );
    const where = on("linux", 7, { XDG_RUNTIME_DIR: "/run/user/7" });
    expect(socketPath({ ...far, where })).toMatch(
      /^\/run\/user\/7\/vault\/[0-9a-f]{32}\.sock$/,
    );
  },
});

Deno.test({
  name: "a private folder is closed to others, and somebody else's refused",
  ignore: Deno.build.os === "windows",
  async fn() {
    const folder = await Deno.makeTempDir({ prefix: "vault-paths-" });
    privateFolder(`${folder}/a/b`);
    expect(fs.statSync(`${folder}/a/b`).mode & 0o777).toBe(0o700);
    fs.chmodSync(`${folder}/a`, 0o755);
    privateFolder(`${folder}/a`);
    expect(fs.statSync(`${folder}/a`).mode & 0o777).toBe(0o700);
    fs.symlinkSync(`${folder}/a`, `${folder}/link`);
    expect(() => privateFolder(`${folder}/link`)).toThrow("not a folder");
    if (Deno.uid() === 0) {
      fs.chownSync(`${folder}/a`, 1, 1);
      expect(() => privateFolder(`${folder}/a`)).toThrow("another user");
    }
    await Deno.remove(folder, { recursive: true });
  },
});
