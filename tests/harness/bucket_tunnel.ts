/** A tunnel whose volume "photos" lies in a bucket of a real store. */

import { withNode } from "../../cli/daemons.ts";
import { S3Bucket } from "../../lib/bucket/s3_bucket.ts";
import type { VolumeInfo } from "../../lib/control/operations.ts";
import { openDisk } from "../../lib/initiator/disk.ts";
import { connectInitiator } from "../../lib/initiator/initiator.ts";
import { systemClock as clock } from "../../lib/os/clock.ts";
import { systemPrimitives } from "../../lib/os/primitives.ts";
import { connectTcp, parseAddress } from "../../lib/os/tcp.ts";
import type { ObjectInfo } from "../../lib/bucket/bucket.ts";
import type { Ceph } from "./ceph.ts";
import type { DiskSession } from "./disk_session.ts";
import { Machine, Tunnel } from "./vault.ts";

/** The bucket of a store. */
export const BUCKET = "vault-test";
/** What the store wants to know, in the environment. */
export const STORE_KEYS = {
  AWS_ACCESS_KEY_ID: "AK",
  AWS_SECRET_ACCESS_KEY: "SK",
};

/** How a volume in that store is made or found; with a prefix it is made. The store is reached through `port` where something is before it. */
export function storeArgs(
  ceph: Ceph,
  prefix: string,
  port: number = ceph.port,
): string[] {
  const { endpoint } = ceph.access(port);
  return [
    ...["--endpoint", endpoint, "--cache", "1MiB", "--journal", "64MiB"],
    ...(prefix === "" ? [] : ["--store", `s3://${BUCKET}/${prefix}`]),
  ];
}

/** A node with a new volume of 64 MiB there, and a device that has attached it. */
export function openBucketTunnel(
  ceph: Ceph,
  { prefix, keyFile, storePort, serveArgs = [] }: {
    readonly prefix: string;
    readonly keyFile: string;
    readonly storePort?: number;
    readonly serveArgs?: readonly string[];
  },
): Promise<Tunnel> {
  return Tunnel.open({
    volumes: [],
    attached: "photos",
    serveEnv: STORE_KEYS,
    serveArgs,
    prepare: async (node) => {
      await node.ok(
        ...["volume", "create", "photos", "--size", "64MiB"],
        ...[...storeArgs(ceph, prefix, storePort), "--key-file", keyFile],
      );
    },
  });
}

/** What is in the bucket. */
export async function objectsIn(
  ceph: Ceph,
  prefix: string,
): Promise<readonly ObjectInfo[]> {
  const bucket = new S3Bucket({
    ...ceph.access(),
    ...{ clock, bucket: BUCKET, prefix: `${prefix}/` },
  });
  const { objects } = await bucket.list("");
  await bucket.close();
  return objects;
}

/** What the node that runs says of the volume: asked again and again, a program for each time would take most of it. */
export const showPhotos = (node: Machine): Promise<VolumeInfo> =>
  withNode(node.state, (running) => running.showVolume("photos"));

/** Logs in to a target at a portal. */
export async function logInTo(
  portal: string,
  targetName: string,
): Promise<DiskSession> {
  const session = await connectInitiator({
    duplex: await connectTcp(parseAddress(portal)),
    primitives: systemPrimitives,
    initiatorName: "iqn.2026-11.internal.vault:scenario",
    targetName,
  });
  return { session, disk: await openDisk(session) };
}
