/**
 * What node and device say to each other on a lease's channel: lines of JSON, from when the channel is accepted until either ends it. Neither
 * trusts the other, so every line is checked, and all of them are bounded.
 *
 *     device                                   node
 *       ── ask (the channel's request) ────────►
 *       ◄───────────── progress, as it goes ──
 *       ◄──────── granted, refused or fenced ──      refused and fenced are the last words
 *       ◄─────────────────── handover-wanted ──      somebody takes it over
 *       ── progress, log-out ──────────────────►
 *       ── released ───────────────────────────►
 *       ◄─────────────────────── handover-off ──     or nobody does any more
 *       ◄───────────────────────────── fenced ──
 *
 * The end of the channel releases nothing: without `released` the holder is only gone.
 */

import * as v from "valibot";
import { MAX_HOLDERS, MODES } from "../lease/holder.ts";
import { sentence } from "../../tunnel/sentence.ts";

/** The longest line in bytes: a refusal that names all holders there may be. */
export const MAX_LINE_BYTES = 16 * 1024;
/** The longest sentence, in UTF-16 code units. */
export const MAX_SENTENCE = 200;
/** The longest name of a device; "this machine" is one. */
const MAX_DEVICE = 64;
/** The longest name of a target (RFC 7143 section 4.2.7.1). */
const MAX_NAME = 223;
/** How long initiators are given to log out before their portal goes. */
export const DETACH_MS = 5_000;
/** The longest that a holder may be given to let go. */
export const MAX_HANDOVER_MS = 10 * 60_000;

const Sentence = v.pipe(
  v.string(),
  v.maxLength(MAX_SENTENCE),
  v.transform(sentence),
);
const DeviceName = v.pipe(
  v.string(),
  v.minLength(1),
  v.maxLength(MAX_DEVICE),
  v.transform(sentence),
);
const Time = v.pipe(v.string(), v.maxLength(40), v.isoTimestamp());
export const Bound = v.pipe(
  v.number(),
  v.safeInteger(),
  v.minValue(0),
  v.maxValue(MAX_HANDOVER_MS),
);
export const Generation = v.pipe(v.number(), v.safeInteger(), v.minValue(1));
export const Attachment = v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/));

/**
 * The device shows this name in commands for a shell, hands it to programs and makes a path of it, and the node is not trusted with any of
 * these: letters, digits and the four signs of an iSCSI name (RFC 7143 section 4.2.7.2), and neither an option nor a path.
 */
export const TargetName = v.pipe(
  v.string(),
  v.maxLength(MAX_NAME),
  v.regex(/^[0-9A-Za-z][0-9A-Za-z.:_-]*$/),
);

const Holder = v.object({
  device: DeviceName,
  mode: v.picklist(MODES),
  since: Time,
  state: v.picklist(["up", "paused", "gone"]),
  goneSince: v.exactOptional(Time),
});
/** Who holds it, as whoever is refused is told. */
export type ToldHolder = v.InferOutput<typeof Holder>;

const Progress = v.object({ kind: v.literal("progress"), text: Sentence });

/** What a node says. */
export const NodeLine = v.variant("kind", [
  Progress,
  v.object({
    kind: v.literal("granted"),
    iqn: TargetName,
    /** Whether initiators have to prove who they are, where the node knows. */
    chap: v.boolean(),
    generation: Generation,
    since: Time,
    /** It is a view of that moment, which others do not wait for, and which is gone when the channel is. */
    view: v.exactOptional(Time),
  }),
  v.object({
    kind: v.literal("refused"),
    reason: Sentence,
    hint: v.exactOptional(Sentence),
    /** Empty where it is something else that is in the way. */
    holders: v.pipe(v.array(Holder), v.maxLength(MAX_HOLDERS)),
    /** Who takes it over just now. */
    taker: v.exactOptional(DeviceName),
  }),
  v.object({
    kind: v.literal("handover-wanted"),
    by: DeviceName,
    boundMs: Bound,
  }),
  v.object({ kind: v.literal("handover-off") }),
  v.object({
    kind: v.literal("fenced"),
    /** The device that has it now; absent where nobody took it, or that is forgotten. */
    by: v.exactOptional(DeviceName),
    at: v.exactOptional(Time),
    why: Sentence,
  }),
]);
export type NodeLine = v.InferOutput<typeof NodeLine>;

/** What a device says. */
export const DeviceLine = v.variant("kind", [
  Progress,
  /** The node is to ask initiators to log out: they are not the device's to command. */
  v.object({ kind: v.literal("log-out") }),
  v.object({ kind: v.literal("released") }),
]);
export type DeviceLine = v.InferOutput<typeof DeviceLine>;

/** `text` as it may be said here. */
export function said(text: string): string {
  return sentence(text).slice(0, MAX_SENTENCE);
}
