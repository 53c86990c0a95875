/** A node with its devices for tests: real keys, real TLS, loopback. */

import type { Clock } from "../../lib/base/clock.ts";
import { silent } from "../../lib/base/log.ts";
import { systemClock } from "../../lib/os/clock.ts";
import { systemPrimitives as primitives } from "../../lib/os/primitives.ts";
import {
  createAuthority,
  createDeviceRequest,
  createNodeIdentity,
  issueDeviceCertificate,
} from "../../lib/pki/authority.ts";
import { factsOf } from "../../lib/pki/certificate.ts";
import type {
  Authority,
  DeviceIdentity,
  NodeIdentity,
} from "../../lib/pki/identity.ts";
import { Invitations } from "../../lib/pki/invitations.ts";
import { invite } from "../../lib/pki/invite.ts";
import { certificatePemOf } from "../../lib/pki/keys.ts";
import { Registry } from "../../lib/pki/registry.ts";
import type { AuditEvent } from "../../lib/base/audit.ts";
import { dialLink, type DialOptions } from "../dial.ts";
import { join } from "../join.ts";
import type { Link } from "../link.ts";
import { type LinkListener, listenLinks } from "../listen.ts";
import type { RenewalLimits } from "../record.ts";

export interface TestNode {
  readonly authority: Authority;
  readonly identity: NodeIdentity;
  readonly registry: Registry;
  readonly invitations: Invitations;
  readonly listener: LinkListener;
  readonly audit: AuditEvent[];
  /** How often `persist` was called. */
  readonly persisted: () => number;
  /** HOST:PORT. */
  readonly address: string;
  /** A certificate of the node's authority, enrolled unless told otherwise. */
  device(
    name: string,
    options?: { enrol?: boolean; nowMs?: number; lifetimeMs?: number },
  ): Promise<DeviceIdentity>;
  dial(
    identity: DeviceIdentity,
    options?: Partial<DialOptions>,
  ): Promise<Link>;
  /** Both ends of a new link. */
  pair(
    identity: DeviceIdentity,
    options?: Partial<DialOptions>,
  ): Promise<{ device: Link; node: Link }>;
  invite(name: string, expiresMs?: number): Promise<string>;
  join(code: string, address?: string): Promise<DeviceIdentity>;
  stop(): Promise<void>;
}

export async function startNode(
  options: {
    clock?: Clock;
    renewal?: RenewalLimits;
    /** How long links outlive their connections, at both ends: not at all unless given. */
    resumeWindowMs?: number;
    persist?: () => Promise<void>;
    identity?: NodeIdentity;
    authority?: Authority;
  } = {},
): Promise<TestNode> {
  const clock = options.clock ?? systemClock;
  const nowMs = clock.now();
  const authority = options.authority ?? await createAuthority({ nowMs });
  const identity = options.identity ??
    await createNodeIdentity({ authority, nowMs });
  const registry = new Registry();
  const invitations = new Invitations();
  const audit: AuditEvent[] = [];
  let persisted = 0;
  const world = {
    primitives,
    clock,
    log: silent,
    audit: (event: AuditEvent) => void audit.push(event),
  };
  const listener = await listenLinks({
    hostname: "127.0.0.1",
    port: 0,
    identity,
    authority,
    registry,
    invitations,
    persist: options.persist ?? (() => {
      persisted++;
      return Promise.resolve();
    }),
    resumeWindowMs: options.resumeWindowMs ?? 0,
    ...(options.renewal ? { renewal: options.renewal } : {}),
    ...world,
  });
  const address = listener.address;
  const quiet = {
    ...world,
    audit: () => {},
    resumeWindowMs: options.resumeWindowMs ?? 0,
  };
  const node: TestNode = {
    authority,
    identity,
    registry,
    invitations,
    listener,
    audit,
    persisted: () => persisted,
    address,
    async device(name, made = {}) {
      const { keyPem, request } = await createDeviceRequest();
      const certificate = await issueDeviceCertificate({
        authority,
        request,
        name,
        nowMs: made.nowMs ?? clock.now(),
        ...(made.lifetimeMs === undefined
          ? {}
          : { lifetimeMs: made.lifetimeMs }),
      });
      if (made.enrol ?? true) {
        registry.enrol({
          name,
          certificate: await factsOf(certificate),
          nowMs: clock.now(),
        });
      }
      return {
        name,
        certificatePem: certificatePemOf(certificate.der),
        keyPem,
        caPem: authority.certificatePem,
        nodeId: identity.nodeId,
        address,
      };
    },
    dial: (device, more = {}) =>
      dialLink({ ...quiet, identity: device, ...more }),
    async pair(device, more = {}) {
      const [far, near] = await Promise.all([
        listener.accept(),
        node.dial(device, more),
      ]);
      return { device: near, node: far! };
    },
    async invite(name, expiresMs = 60_000) {
      const { code } = await invite({
        invitations,
        name,
        address,
        caPem: authority.certificatePem,
        expiresMs,
        nowMs: clock.now(),
      });
      return code;
    },
    join: (code, elsewhere) =>
      join({
        ...quiet,
        code,
        ...(elsewhere === undefined ? {} : { address: elsewhere }),
      }),
    async stop() {
      const { links } = listener;
      listener.close();
      for (const link of links) link.abort("the test is over");
      await Promise.all(links.map((link) => link.closed));
    },
  };
  return node;
}

/** Runs `test` with a node, which is stopped afterwards, however that ends. */
export async function withNode(
  test: (node: TestNode) => Promise<void>,
  options: Parameters<typeof startNode>[0] = {},
): Promise<void> {
  const node = await startNode(options);
  try {
    await test(node);
  } finally {
    for (const link of node.listener.links) link.abort("over");
    await node.stop();
  }
}
