/** tgt, the usual user-space iSCSI target, as a peer and as the yardstick. Its control socket is its own, so it needs no root. */
import { freePort, listens } from "./loopback.ts";
import { type Program, runOk, start } from "./process.ts";
import { pathOf } from "./scenario.ts";
import { TempDir } from "./temp_dir.ts";

export const TGT_IQN = "iqn.2026-01.test.vault:tgt";

export interface TgtOptions {
  readonly sizeBytes: number;
  /** 512 unless told otherwise. */
  readonly blockSizeBytes?: number;
  /** What initiators must prove, and what the target proves in return. */
  readonly chap?: { readonly user: string; readonly secret: string };
  readonly mutualChap?: { readonly user: string; readonly secret: string };
}

type Admin = (mode: string, op: string, ...more: string[]) => Promise<string>;

/** One tgtd on loopback with one disk, LUN 1, in a sparse file. */
export class Tgt implements AsyncDisposable {
  readonly program: Program;
  readonly port: number;
  readonly file: string;
  readonly #dir: TempDir;
  readonly #admin: Admin;

  private constructor(
    parts: { program: Program; port: number; dir: TempDir; admin: Admin },
  ) {
    this.#admin = parts.admin;
    this.program = parts.program;
    this.port = parts.port;
    this.#dir = parts.dir;
    this.file = parts.dir.at("disk");
  }

  static async start(options: TgtOptions): Promise<Tgt> {
    const dir = new TempDir();
    const port = freePort();
    // The number only names the socket, which lies in a folder of its own.
    const control = "1";
    const env = { TGT_IPC_SOCKET: dir.at("control") };
    Deno.createSync(dir.at("disk")).close();
    Deno.truncateSync(dir.at("disk"), options.sizeBytes);
    const program = await start({
      command: pathOf("tgtd") ?? "tgtd",
      args: ["-f", "-C", control, "--iscsi", `portal=127.0.0.1:${port}`],
      env,
      ready: () => listens(port),
    });
    const admin: Admin = (mode, op, ...more) =>
      runOk({
        command: pathOf("tgtadm") ?? "tgtadm",
        args: [
          "-C",
          control,
          "--lld",
          "iscsi",
          "--mode",
          mode,
          "--op",
          op,
          ...more,
        ],
        env,
      });
    const tgt = new Tgt({ program, port, dir, admin });
    try {
      await admin("target", "new", "--tid", "1", "-T", TGT_IQN);
      await admin(
        "logicalunit",
        "new",
        "--tid",
        "1",
        "--lun",
        "1",
        "-b",
        tgt.file,
        "--blocksize",
        String(options.blockSizeBytes ?? 512),
      );
      // It refuses digests unless told that either will do.
      for (const digest of ["HeaderDigest", "DataDigest"]) {
        await admin(
          "target",
          "update",
          "--tid",
          "1",
          "-n",
          digest,
          "-v",
          "CRC32C,None",
        );
      }
      await admin("target", "bind", "--tid", "1", "-I", "ALL");
      for (
        const [chap, direction] of [
          [options.chap, []],
          [options.mutualChap, ["--outgoing"]],
        ] as const
      ) {
        if (chap === undefined) continue;
        await admin(
          "account",
          "new",
          "--user",
          chap.user,
          "--password",
          chap.secret,
        );
        await admin(
          "account",
          "bind",
          "--tid",
          "1",
          "--user",
          chap.user,
          ...direction,
        );
      }
      return tgt;
    } catch (error) {
      await tgt[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The disk's URL, through `port` where something stands in front of the target. */
  url(port: number = this.port): string {
    return `iscsi://127.0.0.1:${port}/${TGT_IQN}/1`;
  }

  /** Sets a parameter of the disk: `readonly=1`, `removable=1`. */
  async setUnit(parameter: string): Promise<void> {
    await this.#admin(
      ...["logicalunit", "update"] as const,
      ...["--tid", "1", "--lun", "1", "--params", parameter],
    );
  }

  /** Listens on one more port of loopback. */
  async addPortal(port: number): Promise<void> {
    await this.#admin("portal", "new", "--param", `portal=127.0.0.1:${port}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // It does not heed SIGTERM while it has a target.
    await this.program.stop("SIGKILL");
    this.#dir[Symbol.dispose]();
  }
}
