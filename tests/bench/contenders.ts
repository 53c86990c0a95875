/** Who is measured: the tunnel, tgt alone, tgt behind stunnel at both ends, and any other target by its URL. */
import { fileURLToPath } from "node:url";
import { freePort, listens } from "../harness/loopback.ts";
import { onlyDisk } from "../harness/libiscsi.ts";
import { start } from "../harness/process.ts";
import { StunnelPair } from "../harness/stunnel.ts";
import { TempDir } from "../harness/temp_dir.ts";
import { Tgt } from "../harness/tgt.ts";
import { Tunnel } from "../harness/vault.ts";
import { DISK_BYTES } from "./workload.ts";

export interface Contender extends AsyncDisposable {
  readonly key: "a" | "b" | "c" | "d";
  readonly name: string;
  readonly url: string;
  /** The processes at both ends by what they are, without the initiator. */
  readonly processes: Readonly<Record<string, number>>;
}

export async function tunnelContender(): Promise<Contender> {
  const tunnel = await Tunnel.open({
    volumes: [{ name: "bench", size: `${DISK_BYTES / 1024 / 1024}MiB` }],
  });
  const disk = await onlyDisk(tunnel.portal);
  return {
    key: "a",
    name: "vault tunnel",
    url: disk.url,
    processes: { serve: tunnel.serve.pid, attach: tunnel.attach.pid },
    [Symbol.asyncDispose]: () => tunnel[Symbol.asyncDispose](),
  };
}

export async function tgtContender(): Promise<Contender> {
  const tgt = await Tgt.start({ sizeBytes: DISK_BYTES });
  return {
    key: "b",
    name: "tgt alone",
    url: tgt.url(),
    processes: { tgtd: tgt.program.pid },
    [Symbol.asyncDispose]: () => tgt[Symbol.asyncDispose](),
  };
}

export async function stunnelContender(): Promise<Contender> {
  const tgt = await Tgt.start({ sizeBytes: DISK_BYTES });
  const pair = await StunnelPair.start(tgt.port);
  return {
    key: "c",
    name: "tgt behind stunnel",
    url: tgt.url(pair.port),
    processes: {
      tgtd: tgt.program.pid,
      "stunnel near": pair.near.pid,
      "stunnel far": pair.far.pid,
    },
    [Symbol.asyncDispose]: async () => {
      await pair[Symbol.asyncDispose]();
      await tgt[Symbol.asyncDispose]();
    },
  };
}

/** The project's target without the tunnel, see `bare_target.ts`. */
export async function bareContender(): Promise<Contender> {
  const dir = new TempDir();
  const port = freePort();
  const program = await start({
    command: Deno.execPath(),
    args: [
      ...[
        "run",
        "-A",
        fileURLToPath(new URL("bare_target.ts", import.meta.url)),
      ],
      ...[String(port), String(DISK_BYTES), dir.at("disk")],
    ],
    ready: () => listens(port),
  });
  const disk = await onlyDisk(`127.0.0.1:${port}`);
  return {
    key: "d",
    name: "vault target, no tunnel",
    url: disk.url,
    processes: { target: program.pid },
    [Symbol.asyncDispose]: async () => {
      await program.stop();
      dir[Symbol.dispose]();
    },
  };
}

/** A target that somebody else has started on this machine; `pid` 0 where its processor time is not wanted. */
export function urlContender(url: string, pid: number): Contender {
  return {
    key: "d",
    name: "target by URL",
    url,
    processes: pid === 0 ? {} : { target: pid },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
