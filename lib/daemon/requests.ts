/**
 * What an attachment asks of a node when it opens a channel. The request is the first thing that a device says, so it is checked
 * before it is believed.
 */

import * as v from "valibot";

/** The longest name of a volume or of a target behind `--forward` (RFC 7143 section 4.2.7.1: an iSCSI name has at most 223 bytes). */
const MAX_NAME = 223;
const Volume = v.pipe(v.string(), v.minLength(1), v.maxLength(MAX_NAME));

/** Is there such a volume? Answered with a {@linkcode Description}; the channel is closed at once. */
const Describe = v.object({
  kind: v.literal("describe"),
  volume: Volume,
  /** Whether it is to be attached so: a node that cannot keep that promise says so now. */
  readOnly: v.exactOptional(v.boolean(), false),
});

/** The channel is one initiator's iSCSI connection to that volume. */
const Iscsi = v.object({
  kind: v.literal("iscsi"),
  volume: Volume,
  readOnly: v.boolean(),
  /** HOST:PORT that discovery shows: where the initiator reaches the portal. */
  portal: v.pipe(v.string(), v.regex(/^[0-9A-Za-z.:[\]-]{3,64}$/)),
});

/** The volume is detached: the device's initiators are to be asked to log out of its target. The channel is closed at once. */
const Leave = v.object({ kind: v.literal("leave"), volume: Volume });

export const ChannelAsk = v.variant("kind", [Describe, Iscsi, Leave]);
export type ChannelAsk = v.InferOutput<typeof ChannelAsk>;
export type IscsiAsk = v.InferOutput<typeof Iscsi>;
export type DescribeAsk = v.InferOutput<typeof Describe>;
export type LeaveAsk = v.InferOutput<typeof Leave>;

/**
 * The device shows this name in commands for a shell, hands it to programs and makes a path of it, and the node is not trusted with any of
 * these: letters, digits and the four signs of an iSCSI name (RFC 7143 section 4.2.7.2), and neither an option nor a path.
 */
const TargetName = v.pipe(
  v.string(),
  v.maxLength(MAX_NAME),
  v.regex(/^[0-9A-Za-z][0-9A-Za-z.:_-]*$/),
);

export const Description = v.object({
  iqn: TargetName,
  /** Whether initiators have to prove who they are, where the node knows. */
  chap: v.boolean(),
});
export type Description = v.InferOutput<typeof Description>;
