/** `vault serve`: a running node, put together from the rooms. */

import type { Clock } from "../base/clock.ts";
import type { Duplex, Listener } from "../base/duplex.ts";
import { messageOf } from "../base/errors.ts";
import { type Log, silent } from "../base/log.ts";
import type { Primitives } from "../base/primitives.ts";
import { nodeHandlers, serveControl } from "../control/server.ts";
import { systemClock } from "../os/clock.ts";
import { listenLocal } from "../os/local_socket.ts";
import { systemPrimitives } from "../os/primitives.ts";
import { processId } from "../os/process.ts";
import { type Address, listenTcp, renderAddress } from "../os/tcp.ts";
import { Targets } from "../target/targets.ts";
import type { LinkListener } from "../../tunnel/listen.ts";
import { type Leases, openLeases } from "./leases.ts";
import { DRAIN_MS } from "./disk_target.ts";
import { expectLoopback, expectLoopbackForMetrics } from "./loopback.ts";
import { Forward } from "./forward.ts";
import { guessAddress } from "./guess_address.ts";
import { type EndingOperations, nodeOperations } from "./node_operations.ts";
import type { MetricsService } from "./metrics_service.ts";
import { openTestedLinks } from "./node_links.ts";
import type { NodeOptions, RunningNode } from "./node_options.ts";
import { NodeService } from "./node_service.ts";
import { NodeState } from "./node_state.ts";
import type { Live } from "./node_status.ts";
import { NodeTraffic } from "./node_traffic.ts";
import { ServedVolumes } from "./served_volumes.ts";
import { NODE_SOCKET } from "./sockets.ts";
import { StateFolder } from "./state_folder.ts";
import { Views } from "./views.ts";

/** How often the node looks whether its own certificate wants renewing. */
const RENEWAL_LOOK_MS = 60 * 60 * 1000;
/** How long a command may take that found no node running, and asks and changes it itself. */
const COMMANDS_MS = 10_000;

/**
 * Starts the node that the state folder holds, and makes one where there is none: what `vault serve` does.
 *
 * @example
 * ```ts
 * import { runNode } from "@vault/vault";
 *
 * const stateDir = await Deno.makeTempDir();
 * const node = await runNode({ stateDir, listen: { hostname: "127.0.0.1", port: 0 } });
 *
 * await node.operations.createVolume({ name: "photos", sizeBytes: 2 ** 30, blockSizeBytes: 512, readOnly: false });
 * const [photos] = await node.operations.listVolumes();
 * if (photos?.health !== "ok") throw new Error(`${node.listen} serves nothing`);
 *
 * await node.stop();
 * await Deno.remove(stateDir, { recursive: true });
 * ```
 *
 * A volume that cannot be opened is not served: its health and the log say why.
 *
 * @throws {VaultError} where it runs already, an address is taken or not loopback, or the tunnel lets in whom it must not
 */
export async function runNode(options: NodeOptions): Promise<RunningNode> {
  expectPrivate(options);
  const folder = new StateFolder(options.stateDir);
  const clock = options.clock ?? systemClock;
  const primitives = options.primitives ?? systemPrimitives;
  const log = options.log ?? silent;
  // The socket first: it tells "runs already" from "somebody is changing something", and keeps a second `serve` off.
  const control = await listenLocal({
    stateDir: folder.path,
    name: NODE_SOCKET,
  });
  let metrics: MetricsService | undefined;
  try {
    // Ahead of all that takes its time, or would be half started.
    metrics = await openMetrics(options.metrics, { clock, log });
    const state = await NodeState.open({
      ...{ folder, primitives, clock, log },
      // A command that found no `serve` a moment ago is soon over.
      waitMs: COMMANDS_MS,
    });
    try {
      return await Node.start({
        ...options,
        clock,
        primitives,
        log,
        ...{ control, folder, state, metrics },
      });
    } catch (thrown) {
      state.release();
      throw thrown;
    }
  } catch (thrown) {
    await metrics?.close();
    control.close();
    throw thrown;
  }
}

function expectPrivate(options: NodeOptions): void {
  if (options.unsafeNonLoopback) return;
  for (const address of [options.target, options.forward]) {
    if (address) expectLoopback(address);
  }
  if (options.metrics) expectLoopbackForMetrics(options.metrics);
}

/** What scrapers need is loaded where there may be some. */
async function openMetrics(
  address: Address | undefined,
  world: { readonly clock: Clock; readonly log: Log },
): Promise<MetricsService | undefined> {
  if (!address) return undefined;
  const { listenForMetrics } = await import("./metrics_service.ts");
  return listenForMetrics(address, world);
}

type Parts = Omit<NodeOptions, "metrics"> & {
  readonly clock: Clock;
  readonly primitives: Primitives;
  readonly log: Log;
  readonly control: Listener<Duplex>;
  readonly folder: StateFolder;
  readonly state: NodeState;
  readonly metrics: MetricsService | undefined;
};

class Node implements RunningNode {
  readonly operations: EndingOperations;
  readonly closed: Promise<void>;
  readonly #parts: Parts;
  readonly #targets: Targets;
  readonly #volumes: ServedVolumes;
  readonly #links: LinkListener;
  readonly #direct: ReturnType<typeof listenTcp> | undefined;
  readonly #service: NodeService;
  readonly #traffic: NodeTraffic;
  readonly #control: ReturnType<typeof serveControl>;
  #stopping: Promise<void> | undefined;
  #ended = () => {};
  #stopRenewal = () => {};

  private constructor(
    parts: Parts,
    opened: {
      targets: Targets;
      volumes: ServedVolumes;
      links: LinkListener;
      leases: Leases;
      direct: ReturnType<typeof listenTcp> | undefined;
    },
  ) {
    this.#parts = parts;
    const { targets, volumes, leases, links } = opened;
    this.#targets = targets;
    this.#volumes = volumes;
    this.#links = links;
    this.#direct = opened.direct;
    const { forward, clock, primitives, log } = parts;
    this.#service = new NodeService({
      targets,
      volumes,
      leases,
      views: new Views({
        ...{ volumes, targets, primitives, clock, log },
        catalog: parts.state.catalog,
      }),
      forward: forward && new Forward({ address: forward, primitives, clock }),
      ...{ clock, primitives, log },
      audit: parts.state.audit.tell,
    });
    this.#traffic = new NodeTraffic({ clock, links, targets });
    this.closed = new Promise((resolve) => this.#ended = resolve);
    this.operations = nodeOperations({
      state: parts.state,
      ...{ clock, primitives },
      guessAddress,
      live: this.#live(leases),
    });
    this.#control = serveControl({
      listener: parts.control,
      handlers: nodeHandlers(this.operations),
      log,
    });
  }

  static async start(parts: Parts): Promise<Node> {
    const { state, clock, log } = parts;
    const targets = new Targets({ clock, log });
    const volumes = new ServedVolumes({
      catalog: state.catalog,
      targets,
      nodeId: state.identity.nodeId,
      primitives: parts.primitives,
      audit: state.audit.tell,
      clock,
      log,
    });
    try {
      await volumes.openAll();
      const leases = openLeases({ ...parts, volumes });
      const links = await openTestedLinks(parts);
      try {
        const direct = parts.target && listenTcp(parts.target);
        state.rememberListen(renderAddress({
          hostname: parts.listen.hostname,
          port: links.port,
        }));
        const opened = { targets, volumes, leases, links, direct };
        const node = new Node(parts, opened);
        node.#run();
        return node;
      } catch (thrown) {
        links.close();
        throw thrown;
      }
    } catch (thrown) {
      await volumes.close();
      throw thrown;
    }
  }

  get listen(): string {
    return renderAddress({
      hostname: this.#parts.listen.hostname,
      port: this.#links.port,
    });
  }

  get target(): string | undefined {
    return this.#direct?.address;
  }

  get metrics(): string | undefined {
    return this.#parts.metrics?.address;
  }

  stop(): Promise<void> {
    return this.#stopping ??= this.#stop();
  }

  async #stop(): Promise<void> {
    // Not while something changes, nor after another process may have the node.
    const unchanging = this.operations.end();
    try {
      this.#stopRenewal();
      this.#links.close();
      this.#direct?.close();
      try {
        await this.#targets.drain(DRAIN_MS);
      } finally {
        await Promise.all(this.#links.links.map((link) => link.close()));
      }
    } finally {
      this.#traffic.stop();
      try {
        // Ahead of the volumes, which nobody shall take for lost.
        await this.#parts.metrics?.close();
        await unchanging;
        await this.#volumes.close();
      } finally {
        this.#control.close();
        this.#parts.state.release();
        this.#ended();
      }
    }
  }

  #run(): void {
    this.#traffic.start();
    this.#renewLater();
    this.#service.serveLinks(this.#links);
    if (this.#direct) this.#service.serveDirect(this.#direct);
    this.#parts.metrics?.serve(() => this.operations.status());
  }

  #live(leases: Leases): Live {
    const since = new Date(this.#parts.clock.now()).toISOString();
    const links = this.#links;
    const traffic = this.#traffic;
    const forward = this.#parts.forward;
    return {
      volumes: this.#volumes,
      leases,
      pid: processId(),
      since,
      listen: this.listen,
      ...(forward ? { forward: renderAddress(forward) } : {}),
      get macFailures() {
        return links.macFailures;
      },
      links: () => traffic.links(),
      sessions: () => traffic.sessions(),
    };
  }

  /** Keeps the node's own certificate from running out. */
  #renewLater(): void {
    const { clock, state, log } = this.#parts;
    this.#stopRenewal = clock.after(RENEWAL_LOOK_MS, async () => {
      this.#renewLater();
      try {
        if (await state.renewIdentity(clock.now())) {
          this.#links.setIdentity(state.identity);
        }
      } catch (thrown) {
        log.error(
          `The node's certificate could not be renewed: ${messageOf(thrown)}`,
        );
      }
    });
  }
}
