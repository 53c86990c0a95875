/**
 * The program under test, driven as a person would: by its documented commands. `VAULT_BIN` names the built file; without it
 * the sources are run by the Deno that runs the test.
 */
import { freePort, listens } from "./loopback.ts";
import { type Program, run, type RunResult, start } from "./process.ts";
import { V8_FLAGS } from "../../tools/run_flags.ts";
import { TempDir } from "./temp_dir.ts";

const root = new URL("../../", import.meta.url).pathname;

/** The command line that starts `vault` with `args`. */
export function vaultCommand(
  args: readonly string[],
): { command: string; args: string[] } {
  const built = Deno.env.get("VAULT_BIN");
  if (built !== undefined && built !== "") {
    return { command: built, args: [...args] };
  }
  return {
    command: Deno.execPath(),
    args: ["run", "-A", V8_FLAGS, `${root}cli/main.ts`, ...args],
  };
}

/** One machine's state folder and the commands given on that machine. */
export class Machine {
  readonly state: string;
  /** More of the environment, for its daemons. */
  daemonEnv: Readonly<Record<string, string>> = {};

  constructor(state: string) {
    this.state = state;
  }

  /** Runs one command to its end, whatever becomes of it. */
  run(
    args: readonly string[],
    options: {
      stdin?: string;
      timeoutMs?: number;
      /** More of the environment. */
      env?: Readonly<Record<string, string>>;
    } = {},
  ): Promise<RunResult> {
    return run({
      ...vaultCommand(args),
      env: { ...this.env, ...options.env },
      timeoutMs: options.timeoutMs ?? 30_000,
      stdin: options.stdin ?? "",
    });
  }

  /** Runs one command and gives its standard output; rejects with all that it said where it fails. */
  async ok(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(args);
    if (code !== 0) {
      throw new Error(
        `vault ${args.join(" ")}: ended with ${code}\n${stdout}${stderr}`,
      );
    }
    return stdout;
  }

  /** Runs one command with `--json` and gives what it printed. */
  async json<T>(...args: string[]): Promise<T> {
    return JSON.parse(await this.ok(...args, "--json")) as T;
  }

  /** Starts a daemon and waits until it takes connections on `port`. */
  daemon(args: readonly string[], port: number): Promise<Program> {
    return start({
      ...vaultCommand(args),
      env: { ...this.env, ...this.daemonEnv },
      ready: () => listens(port),
      timeoutMs: 30_000,
    });
  }

  get env(): Record<string, string> {
    return { VAULT_STATE: this.state };
  }
}

export interface VolumePlan {
  readonly name: string;
  readonly size: string;
  readonly blockSize?: 512 | 4096;
  readonly readOnly?: boolean;
  readonly removable?: boolean;
}

export interface TunnelOptions {
  readonly volumes: readonly VolumePlan[];
  /** What the device attaches; the first volume unless told otherwise. */
  readonly attached?: string;
  /** `HOST:PORT` of another target that `serve` puts the tunnel in front of. */
  readonly forward?: string;
  /** Given the port on which `serve` listens, gives the one that the device shall dial instead: a proxy's. */
  readonly between?: (servePort: number) => number | Promise<number>;
  /** More words for `vault serve` and `vault attach`. */
  readonly serveArgs?: readonly string[];
  readonly attachArgs?: readonly string[];
  /** Where the node keeps its state; in a temporary folder unless given. */
  readonly nodeState?: string;
  /** More of the environment of `vault serve`. */
  readonly serveEnv?: Readonly<Record<string, string>>;
  /** Runs once the volumes are there and before anything is attached. */
  readonly prepare?: (node: Machine) => Promise<void>;
}

/** A node that serves and a device that has attached the first volume: two machines with a state folder each. */
export class Tunnel implements AsyncDisposable {
  readonly node: Machine;
  readonly device: Machine;
  readonly servePort: number;
  readonly portalPort: number;
  readonly volume: string;
  serve: Program;
  attach: Program;
  readonly dir: TempDir;

  private constructor(
    parts: Pick<
      Tunnel,
      | "node"
      | "device"
      | "servePort"
      | "portalPort"
      | "volume"
      | "serve"
      | "attach"
      | "dir"
    >,
  ) {
    this.node = parts.node;
    this.device = parts.device;
    this.servePort = parts.servePort;
    this.portalPort = parts.portalPort;
    this.volume = parts.volume;
    this.serve = parts.serve;
    this.attach = parts.attach;
    this.dir = parts.dir;
  }

  static async open(options: TunnelOptions): Promise<Tunnel> {
    const dir = new TempDir();
    const node = new Machine(options.nodeState ?? dir.at("node"));
    node.daemonEnv = options.serveEnv ?? {};
    const device = new Machine(dir.at("device"));
    const [servePort, portalPort] = [freePort(), freePort()];
    const volume = options.attached ?? options.volumes[0]?.name ?? "disk";
    const opened = new AsyncDisposableStack();
    opened.defer(() => dir[Symbol.dispose]());
    try {
      const serve = opened.use(
        await startServe(node, servePort, [
          ...(options.forward === undefined
            ? []
            : ["--forward", options.forward]),
          ...(options.serveArgs ?? []),
        ]),
      );
      for (const plan of options.volumes) await createVolume(node, plan);
      await options.prepare?.(node);
      const dialled = await options.between?.(servePort) ?? servePort;
      await enrol({ node, device, name: "laptop", port: dialled });
      const attach = await startAttach(device, volume, {
        portalPort,
        args: options.attachArgs ?? [],
      });
      return new Tunnel({
        ...{ node, device, servePort, portalPort, volume, serve, attach, dir },
      });
    } catch (error) {
      await opened[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** `127.0.0.1:PORT` of the portal. */
  get portal(): string {
    return `127.0.0.1:${this.portalPort}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.attach.stop();
    await this.serve.stop();
    this.dir[Symbol.dispose]();
  }
}

export function startServe(
  node: Machine,
  port: number,
  args: readonly string[] = [],
): Promise<Program> {
  return node.daemon(["serve", "--listen", `127.0.0.1:${port}`, ...args], port);
}

export function startAttach(
  device: Machine,
  volume: string,
  options: { portalPort: number; args?: readonly string[] },
): Promise<Program> {
  const { portalPort, args = [] } = options;
  return device.daemon(
    ["attach", volume, "--portal", `127.0.0.1:${portalPort}`, ...args],
    portalPort,
  );
}

export async function createVolume(
  node: Machine,
  plan: VolumePlan,
): Promise<void> {
  await node.ok(
    ...["volume", "create", plan.name, "--size", plan.size],
    ...(plan.blockSize === undefined
      ? []
      : ["--block-size", String(plan.blockSize)]),
    ...(plan.readOnly ? ["--read-only"] : []),
    ...(plan.removable ? ["--removable"] : []),
  );
}

/** Invites `device` under `name` and joins: from then on it may attach. `port` is what the code tells it to dial. */
export async function enrol(
  parts: { node: Machine; device: Machine; name: string; port: number },
): Promise<void> {
  const { code } = await parts.node.json<{ code: string }>(
    ...["invite", parts.name, "--advertise", `127.0.0.1:${parts.port}`],
  );
  await parts.device.ok("join", code);
}
