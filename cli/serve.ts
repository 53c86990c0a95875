/** `vault serve` */

import { VaultError } from "../lib/base/errors.ts";
import type { NodeStatus } from "../lib/control/operations.ts";
import { NODE_SOCKET } from "../lib/daemon/sockets.ts";
import { type Address, parseAddress } from "../lib/os/tcp.ts";
import { startInBackground } from "./background.ts";
import { command, stateDirOf } from "./command.ts";
import { isServing } from "./daemons.ts";
import { logFrom } from "./log.ts";
import { resumeWindowOf } from "./resume_window.ts";
import { runDaemon } from "./run_daemon.ts";
import { formatSize } from "./size.ts";
import { note, print, warn } from "./terminal.ts";

const DEFAULT_LISTEN = "0.0.0.0:9443";

interface ServeOptions {
  readonly listen: string;
  readonly forward?: string;
  readonly target?: string;
  readonly metrics?: string;
  readonly resumeWindow?: string;
  readonly unsafeNonLoopback?: true;
  readonly background?: true;
  readonly verbose?: true;
}

export function serveCommand() {
  return command("serve", {
    summary: "run this node: its volumes, for devices that have joined",
    description:
      "Runs the node of the state folder, and makes one first where there is none. It runs until SIGINT or SIGTERM, finishes what is under way then and flushes; a second signal ends it at once.",
    examples: [
      ["vault serve", "serve the volumes to devices, on port 9443"],
      [
        "vault serve --listen 192.0.2.7:443 --background",
        "elsewhere, detached",
      ],
      [
        "vault serve --forward 127.0.0.1:3261",
        "put the tunnel in front of another iSCSI target on this machine",
      ],
      [
        "vault serve --target 127.0.0.1:3260",
        "offer the volumes to this machine's own initiators, too",
      ],
      [
        "vault serve --metrics 127.0.0.1:9464",
        "let Prometheus ask for http://127.0.0.1:9464/metrics",
      ],
    ],
  })
    .option("--listen <host:port>", "where devices dial", DEFAULT_LISTEN)
    .option(
      "--forward <host:port>",
      "another iSCSI target on loopback, in the place of this node's volumes",
    )
    .option(
      "--target <host:port>",
      "also offer the volumes at this loopback address",
    )
    .option(
      "--metrics <host:port>",
      "tell Prometheus what `vault status` tells, at this loopback address",
    )
    .option(
      "--unsafe-non-loopback",
      "let --forward, --target and --metrics leave loopback: iSCSI is not protected there, and anybody reads the metrics",
    )
    .option(
      "--resume-window <duration>",
      "how long a device that lost its connection may take to come back unnoticed; 0 is not at all (default: 120s)",
    )
    .option("--background", "start it detached, and return once it is ready")
    .option("--verbose", "log details, too")
    .action(async (options, self) => {
      const stateDir = stateDirOf(self);
      const addresses = addressesOf(options);
      if (options.background) return await background(stateDir);
      await foreground({ stateDir, options, addresses });
    });
}

interface Addresses {
  readonly listen: Address;
  readonly forward?: Address;
  readonly target?: Address;
  readonly metrics?: Address;
}

function addressesOf(options: ServeOptions): Addresses {
  if (options.forward !== undefined && options.target !== undefined) {
    throw new VaultError("--forward and --target exclude each other", {
      hint:
        "With --forward the other target takes the place of the node's volumes.",
      kind: "usage",
    });
  }
  return {
    listen: parseAddress(options.listen),
    ...(options.forward ? { forward: parseAddress(options.forward) } : {}),
    ...(options.target ? { target: parseAddress(options.target) } : {}),
    ...(options.metrics ? { metrics: parseAddress(options.metrics) } : {}),
  };
}

async function background(stateDir: string): Promise<void> {
  const { pid, logPath } = await startInBackground({
    stateDir,
    what: "vault serve",
    name: NODE_SOCKET,
    ready: () => isServing(stateDir),
  });
  print(`Serving in the background, process ${pid}.`);
  note(`Its log: ${logPath}`);
}

async function foreground(
  parts: {
    readonly stateDir: string;
    readonly options: ServeOptions;
    readonly addresses: Addresses;
  },
): Promise<void> {
  const { stateDir, options, addresses } = parts;
  if (options.unsafeNonLoopback) {
    warn(
      "iSCSI outside loopback can be read and changed by anybody on the way, and metrics are read by anybody",
    );
  }
  const { runNode } = await import("../lib/daemon/node.ts");
  await runDaemon(async () => {
    const node = await runNode({
      stateDir,
      ...addresses,
      ...resumeWindowOf(options),
      ...(options.unsafeNonLoopback ? { unsafeNonLoopback: true } : {}),
      log: logFrom(options.verbose ? "debug" : "info"),
    });
    const devices = await node.operations.devices();
    announce(await node.operations.status(), {
      listen: node.listen,
      target: node.target,
      metrics: node.metrics,
      devices: devices.filter((device) =>
        device.revokedAt === undefined
      ).length,
    });
    return node;
  });
  note("Stopped.");
}

function announce(
  status: NodeStatus,
  what: {
    readonly listen: string;
    readonly target: string | undefined;
    readonly metrics: string | undefined;
    readonly devices: number;
  },
): void {
  print(`Serving node ${status.node.slice(0, 12)} at ${what.listen}.`);
  if (status.forward !== undefined) {
    print(`The tunnel ends at the iSCSI target at ${status.forward}.`);
  } else {
    for (const { name, sizeBytes, health } of status.volumes) {
      // The log has said why.
      if (health !== "ok") warn(`Volume "${name}" is ${health}`);
      else print(`Volume "${name}": ${formatSize(sizeBytes)}.`);
    }
    if (status.volumes.length === 0) {
      note("No volumes yet: vault volume create NAME --size SIZE");
    }
  }
  if (what.target !== undefined) {
    print(`This machine's own initiators find them at ${what.target}.`);
  }
  if (what.metrics !== undefined) {
    print(`Prometheus finds the metrics at http://${what.metrics}/metrics.`);
  }
  if (what.devices === 0) note("No device has joined yet: vault invite NAME");
  note("Ctrl-C stops it.");
}
