/** `vault devices` */

import type { DeviceInfo } from "../lib/control/operations.ts";
import { command, jsonOption, stateDirOf } from "./command.ts";
import { withNode } from "./daemons.ts";
import { note, printJson, printTable } from "./terminal.ts";

export function devicesCommand() {
  return command("devices", {
    summary: "list the devices that have joined this node",
    examples: [
      ["vault devices", "who has joined, and who is connected"],
      ["vault devices --json", "the same for programs"],
    ],
  })
    .addOption(jsonOption())
    .action(async (options, self) => {
      const devices = await withNode(
        stateDirOf(self),
        (node) => node.devices(),
      );
      if (options.json) return printJson(devices);
      if (devices.length === 0) {
        return note("No device has joined. vault invite NAME makes a code.");
      }
      const now = Date.now();
      await printTable(devices, [
        { head: "DEVICE", cell: (device) => device.name },
        { head: "STATE", cell: (device) => stateOf(device, now) },
        { head: "ENROLLED", cell: (device) => device.enrolledAt.slice(0, 10) },
        { head: "EXPIRES", cell: (device) => device.expiresAt.slice(0, 10) },
        {
          head: "FINGERPRINT",
          cell: (device) => device.fingerprint.slice(0, 16),
        },
      ]);
    });
}

function stateOf(device: DeviceInfo, now: number): string {
  if (device.revokedAt !== undefined) {
    return `revoked ${device.revokedAt.slice(0, 10)}`;
  }
  if (Date.parse(device.expiresAt) <= now) return "expired";
  if (device.links === undefined) return "enrolled";
  return device.links > 0 ? "connected" : "not connected";
}
