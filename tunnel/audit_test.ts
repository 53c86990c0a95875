/** What the audit log is told of a link. */

import { expect } from "expect";
import type { AuditEvent } from "../lib/base/audit.ts";
import type { Link } from "./link.ts";
import { startNode, type TestNode } from "./testing/node.ts";

type Pair = { device: Link; node: Link };

const ENDS: [string, (pair: Pair, node: TestNode) => unknown][] = [
  ["the device leaves", ({ device }) => device.close()],
  ["the node leaves", ({ node }) => node.close()],
  [
    "both leave",
    ({ device, node }) =>
      Promise.all([device.close(), node.close(), device.close()]),
  ],
  ["the node cuts, twice", ({ node }) => {
    node.abort("once");
    node.abort("twice");
  }],
  ["the device is revoked while it leaves", ({ device }, node) => {
    const closed = device.close();
    node.registry.revoke("laptop", Date.now());
    return closed;
  }],
];

for (const [how, end] of ENDS) {
  Deno.test(`a link's beginning and its end are told once at each end: ${how}`, async () => {
    const node = await startNode();
    const far: AuditEvent[] = [];
    try {
      const pair = await node.pair(await node.device("laptop"), {
        audit: (event) => far.push(event),
      });
      await end(pair, node);
      await Promise.all([pair.device.closed, pair.node.closed]);
      for (const told of [node.audit, far]) {
        expect(told.map(({ kind }) => kind)).toEqual(["link up", "link end"]);
      }
    } finally {
      await node.stop();
    }
  });
}
