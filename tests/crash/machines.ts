/** The two machines of the crash test: a node and a device, their daemons killed and started over the same two state folders. */
import { connectInitiator } from "../../lib/initiator/initiator.ts";
import { openDisk, type RemoteDisk } from "../../lib/initiator/disk.ts";
import type { InitiatorSession } from "../../lib/initiator/initiator_session.ts";
import { systemPrimitives } from "../../lib/os/primitives.ts";
import { connectTcp } from "../../lib/os/tcp.ts";
import { exists } from "../harness/exists.ts";
import { freePort } from "../harness/loopback.ts";
import { Program } from "../harness/process.ts";
import { eventually, pause, within } from "../harness/until.ts";
import {
  createVolume,
  enrol,
  Machine,
  startAttach,
  startServe,
  vaultCommand,
} from "../harness/vault.ts";
import type { BucketHome } from "./bucket_home.ts";
import type { Victims } from "./plan.ts";

export const VOLUME = "disk";

const INITIATOR = "iqn.2026-01.example:crash";
/**
 * Always the same, as initiators do it: whoever logs in again ends what its former session has left under way (RFC 7143 section 6.3.5), so
 * nothing of it comes later.
 */
const ISID = Uint8Array.of(0x80, 0, 0, 0, 0xc4, 0x54);

/** A daemon and the link are back long before this. */
const BACK_MS = 30_000;

/** A session and its disk. */
export interface Login {
  readonly session: InitiatorSession;
  readonly disk: RemoteDisk;
}

export class Machines implements AsyncDisposable {
  readonly node: Machine;
  readonly device: Machine;
  readonly #servePort = freePort();
  readonly #portalPort = freePort();
  #serve: Program | undefined;
  #attach: Program | undefined;
  #iqn = "";
  readonly #home: BucketHome | undefined;

  private constructor(folder: string, home: BucketHome | undefined) {
    this.node = new Machine(`${folder}/node`);
    this.device = new Machine(`${folder}/device`);
    this.#home = home;
    if (home) this.node.daemonEnv = home.env;
  }

  /** Makes them in the folder, with one volume of that size: in a file, or where `home` says. */
  static async make(
    folder: string,
    { size, home }: {
      readonly size: string;
      readonly home: BucketHome | undefined;
    },
  ): Promise<Machines> {
    const machines = new Machines(folder, home);
    try {
      await machines.#begin((node) =>
        home
          ? home.create(node, VOLUME, size)
          : createVolume(node, { name: VOLUME, size })
      );
      return machines;
    } catch (thrown) {
      await machines[Symbol.asyncDispose]();
      throw thrown;
    }
  }

  /** Both machines are lost with all that is on their disks, and two new ones find the volume in its bucket. */
  async lose(): Promise<void> {
    const home = this.#home;
    if (!home) throw new Error("There is no bucket to find it in");
    await this.kill("both");
    for (const { state } of [this.node, this.device]) {
      if (exists(state)) Deno.removeSync(state, { recursive: true });
    }
    await this.#begin((node) => home.recover(node, VOLUME));
  }

  /** Nothing of the volume is on the node's disk alone any more. */
  async uploaded(): Promise<void> {
    await this.#home?.uploaded(this.node, VOLUME);
  }

  async #begin(make: (node: Machine) => Promise<void>): Promise<void> {
    this.#serve = await startServe(this.node, this.#servePort);
    const { node, device } = this;
    await make(node);
    const port = this.#servePort;
    await enrol({ node, device, name: "laptop", port });
    await this.start("attach");
    this.#iqn = await this.#discover();
  }

  /** Where the volume's bytes are. */
  get volumeFolder(): string {
    return `${this.node.state}/node/volumes/${VOLUME}`;
  }

  /** kill -9. Nothing of them runs any more when it resolves. */
  async kill(victims: Victims): Promise<void> {
    const programs = [
      ...(victims !== "attach" ? [this.#serve] : []),
      ...(victims !== "serve" ? [this.#attach] : []),
    ];
    for (const program of programs) program?.signal("SIGKILL");
    await Promise.all(programs.map((program) => program?.ended));
  }

  /** Starts what was killed. */
  async start(victims: Victims): Promise<void> {
    if (victims !== "attach") {
      this.#serve = await startServe(this.node, this.#servePort);
      await this.#home?.served(this.node, VOLUME);
    }
    if (victims !== "serve") {
      const portalPort = this.#portalPort;
      this.#attach = await startAttach(this.device, VOLUME, { portalPort });
    }
  }

  /** Starts `serve` where it was killed, and kills it again after `ms`, whatever it is about. */
  async stumble(ms: number): Promise<void> {
    if (this.#serve?.exited === undefined) return;
    const serve = new Program({
      ...vaultCommand(["serve", "--listen", `127.0.0.1:${this.#servePort}`]),
      env: { ...this.node.env, ...this.node.daemonEnv },
    });
    await serve.write("");
    await pause(ms);
    await serve.stop("SIGKILL");
  }

  /** Logs in once the portal and the node behind it are there. */
  login(): Promise<Login> {
    return eventually("the login", async () => {
      const session = await this.#connect(this.#iqn);
      return { session, disk: await openDisk(session) };
    }, { timeoutMs: BACK_MS, everyMs: 20 });
  }

  /** A command that is given on the node. The exit code and what it said; it is killed with `serve` after `killMs`. */
  async command(
    args: readonly string[],
    killMs: number | undefined,
  ): Promise<{ code: number; output: string }> {
    const command = new Program({
      ...vaultCommand(args),
      env: this.node.env,
    });
    await command.write("");
    if (killMs === undefined) {
      await command.exitWithin(BACK_MS);
    } else {
      await pause(killMs);
      await this.kill("serve");
      await command.stop("SIGKILL");
    }
    return { code: await command.ended, output: command.output };
  }

  /** @throws where a daemon that should run has ended */
  check(): void {
    for (const program of [this.#serve, this.#attach]) {
      if (program?.exited === undefined) continue;
      throw new Error(`${program.words}: ended\n${program.output}`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#attach?.stop("SIGKILL");
    await this.#serve?.stop("SIGKILL");
  }

  #connect(targetName?: string): Promise<InitiatorSession> {
    const connecting = connectTcp({
      hostname: "127.0.0.1",
      port: this.#portalPort,
    }).then((duplex) =>
      connectInitiator({
        ...{ duplex, primitives: systemPrimitives, isid: ISID },
        initiatorName: INITIATOR,
        ...(targetName !== undefined && { targetName }),
      })
    );
    return within(connecting, { what: "a login", timeoutMs: BACK_MS });
  }

  async #discover(): Promise<string> {
    const session = await this.#connect();
    const [target] = await session.discover();
    await session.logout();
    if (!target) throw new Error("The portal offers nothing");
    return target.name;
  }
}
