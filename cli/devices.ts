/** `vault devices` */

import type { DeviceInfo, InvitationInfo } from "../lib/control/operations.ts";
import { command, jsonOption, stateDirOf } from "./command.ts";
import { withNode } from "./daemons.ts";
import { note, printJson, printTable } from "./terminal.ts";

export function devicesCommand() {
  return command("devices", {
    summary: "list the devices that have joined this node, or may yet",
    description:
      "Lists who has joined, and after them the invitations that are open: whoever has the code of one may join under its name. vault revoke NAME ends either.",
    examples: [
      ["vault devices", "who has joined, who is connected, who is invited"],
      ["vault devices --json", "the same for programs"],
    ],
  })
    .addOption(jsonOption())
    .action(async (options, self) => {
      const all = await withNode(
        stateDirOf(self),
        async (node) => [...await node.devices(), ...await node.invitations()],
      );
      if (options.json) return printJson(all);
      if (all.length === 0) {
        return note("No device has joined. vault invite NAME makes a code.");
      }
      const now = Date.now();
      const rows = all.map((one) =>
        "invitedAt" in one ? invitedRow(one) : deviceRow(one, now)
      );
      await printTable(rows, [
        { head: "DEVICE", cell: (row) => row.name },
        { head: "STATE", cell: (row) => row.state },
        { head: "ENROLLED", cell: (row) => row.enrolled },
        { head: "EXPIRES", cell: (row) => row.expires },
        { head: "FINGERPRINT", cell: (row) => row.fingerprint },
      ]);
    });
}

function deviceRow(device: DeviceInfo, now: number) {
  return {
    name: device.name,
    state: stateOf(device, now),
    enrolled: dayOf(device.enrolledAt),
    expires: dayOf(device.expiresAt),
    fingerprint: device.fingerprint.slice(0, 16),
  };
}

function invitedRow({ name, expiresAt, failedAttempts }: InvitationInfo) {
  return {
    name,
    state: failedAttempts > 0
      ? `invited, ${failedAttempts} failed attempts`
      : "invited",
    enrolled: "",
    // To the minute: most are good for some of them.
    expires: `${dayOf(expiresAt)} ${expiresAt.slice(11, 16)}Z`,
    fingerprint: "",
  };
}

function stateOf(device: DeviceInfo, now: number): string {
  if (device.revokedAt !== undefined) {
    return `revoked ${dayOf(device.revokedAt)}`;
  }
  if (Date.parse(device.expiresAt) <= now) return "expired";
  if (device.links === undefined) return "enrolled";
  return device.links > 0 ? "connected" : "not connected";
}

function dayOf(time: string): string {
  return time.slice(0, 10);
}
