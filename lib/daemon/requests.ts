/**
 * What an attachment asks of a node when it opens a channel. The request is the first thing that a device says, so it is checked
 * before it is believed.
 */

import * as v from "valibot";
import { MODES } from "../lease/holder.ts";
import { Attachment, Bound, Generation } from "./lease_lines.ts";

/** The longest name of a volume or of a target behind `--forward` (RFC 7143 section 4.2.7.1: an iSCSI name has at most 223 bytes). */
const MAX_NAME = 223;
const Volume = v.pipe(v.string(), v.minLength(1), v.maxLength(MAX_NAME));

/** The device wants to hold the volume. The channel says the rest (lease_lines.ts), and stays for as long as it holds it. */
const Lease = v.object({
  kind: v.literal("lease"),
  volume: Volume,
  mode: v.picklist(MODES),
  /** Unlike any other attachment's. */
  attachment: Attachment,
  /** Of the lease that this attachment has held so far, over a link that has ended. */
  generation: v.exactOptional(Generation),
  /** With mode "read": the volume is looked at as its snapshot of that name was. */
  snapshot: v.exactOptional(v.pipe(v.string(), v.maxLength(MAX_NAME))),
  /** It has looked at a view over a link that has ended, and the view with it. */
  view: v.exactOptional(v.boolean(), false),
  /** Those that are in the way have so long to let go, or are not asked. */
  takeOver: v.exactOptional(v.object({ boundMs: Bound, now: v.boolean() })),
});

/** The channel is one initiator's iSCSI connection to that volume, under a lease. */
const Iscsi = v.object({
  kind: v.literal("iscsi"),
  volume: Volume,
  attachment: Attachment,
  generation: Generation,
  /** HOST:PORT that discovery shows: where the initiator reaches the portal. */
  portal: v.pipe(v.string(), v.regex(/^[0-9A-Za-z.:[\]-]{3,64}$/)),
});

export const ChannelAsk = v.variant("kind", [Lease, Iscsi]);
export type ChannelAsk = v.InferOutput<typeof ChannelAsk>;
export type LeaseAsk = v.InferOutput<typeof Lease>;
export type IscsiAsk = v.InferOutput<typeof Iscsi>;
