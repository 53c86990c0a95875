/**
 * Passes one iSCSI connection on, in whole PDUs: from the initiator's socket into a channel of the link on the attaching side, and
 * from a channel to another target's socket behind `serve --forward`.
 *
 *     login  ──a Login Response ends it with success──►  full feature phase
 *
 * In a login every PDU is looked at, for the digests that hold afterwards. After it, runs of whole PDUs are passed on as they came.
 */

import type { Duplex } from "../base/duplex.ts";
import { ConnectionLost, PeerError } from "../base/errors.ts";
import { MAX_PDU_BYTES } from "../base/limits.ts";
import { Framer, type Pdu } from "../iscsi/framer.ts";
import type { Digests } from "../iscsi/layout.ts";
import { NOP_OUT } from "../iscsi/pdu/opcode.ts";
import { Passage } from "./passage.ts";
import { LoginWatch } from "./login_watch.ts";
import { Pings } from "./pings.ts";

/** The longest data segment that is passed on, in bytes; headers have the rest of {@linkcode MAX_PDU_BYTES}. */
export const MAX_RELAYED_DATA_SEGMENT_BYTES = MAX_PDU_BYTES - 4096;
/** PDUs are passed on together up to this many bytes, so that one write carries many small ones. */
const MAX_RUN_BYTES = 256 * 1024;

export interface RelayOptions {
  /** Where the initiator is. */
  readonly initiator: Duplex;
  /** Where the target is. */
  readonly target: Duplex;
  /** Looks at each PDU of the target before it is passed on, and gives another in its place or undefined. */
  readonly rewrite?: (pdu: Pdu, digests: Digests) => Uint8Array | undefined;
  /** The initiator's pings are answered here (pings.ts). */
  readonly answerPings?: boolean;
  /** The iSCSI name of the one target to which a login may be; any without it. */
  readonly only?: string;
}

/**
 * Resolves when both directions have ended cleanly.
 *
 * @throws {PeerError} where either side sends what is no PDU, {ConnectionLost} where either is cut; both are cut then
 */
export async function relay(options: RelayOptions): Promise<void> {
  const { initiator, target } = options;
  const conversation = new Conversation(options);
  try {
    await Promise.all([
      options.answerPings
        ? pumpHolding(initiator, target, conversation.initiator)
        : pump(initiator, target, conversation.initiator),
      pump(target, initiator, conversation.target),
    ]);
  } catch (thrown) {
    const reason = thrown instanceof Error
      ? thrown
      : new ConnectionLost(String(thrown));
    initiator.abort(reason);
    target.abort(reason);
    throw thrown;
  }
}

async function pump(from: Duplex, to: Duplex, side: Side): Promise<void> {
  for (let chunk; (chunk = await from.read());) {
    for (const run of side.receive(chunk)) await to.write(run);
  }
  side.end();
  await to.close();
}

/** The same where pings are answered: also those behind what the target does not take for now. */
async function pumpHolding(
  from: Duplex,
  to: Duplex,
  side: Side,
): Promise<void> {
  const passage = new Passage(to);
  for (let chunk; (chunk = await from.read());) {
    for (const run of side.receive(chunk)) {
      const answer = side.answer?.(run);
      const wait = answer ? from.write(answer) : passage.pass(run);
      if (wait) await wait;
    }
  }
  side.end();
  await passage.close();
}

/** One direction of a conversation. */
export interface Side {
  /** Runs of whole PDUs, lent until the next call. @throws {PeerError} */
  receive(chunk: Uint8Array): Iterable<Uint8Array>;
  /** What a run is answered with at once, in place of passing it on. */
  answer?(run: Uint8Array): Uint8Array | undefined;
  /** No more bytes will come. @throws {PeerError} where that cuts a PDU */
  end(): void;
}

/** The machine: bytes of either side in, runs of whole PDUs out. */
export class Conversation {
  readonly initiator: Side = {
    receive: (chunk) => this.#receiveFromInitiator(chunk),
    answer: (run) => this.#answer(run),
    end: () => expectNoRest(this.#fromInitiator),
  };
  readonly target: Side = {
    receive: (chunk) => this.#receiveFromTarget(chunk),
    end: () => expectNoRest(this.#fromTarget),
  };
  readonly #fromInitiator = new Framer(FRAMING);
  readonly #fromTarget = new Framer(FRAMING);
  readonly #watch: LoginWatch;
  readonly #rewrite: RelayOptions["rewrite"];
  readonly #answerPings: boolean;
  /** Where pings are answered, once the login is over. */
  #pings: Pings | undefined;
  #digests: Digests | undefined;

  constructor(
    options: Pick<RelayOptions, "rewrite" | "only" | "answerPings"> = {},
  ) {
    this.#rewrite = options.rewrite;
    this.#answerPings = options.answerPings ?? false;
    this.#watch = new LoginWatch(options.only);
  }

  *#receiveFromInitiator(chunk: Uint8Array): Generator<Uint8Array> {
    const framer = this.#fromInitiator;
    framer.push(chunk);
    while (!this.#digests) {
      const pdu = framer.next();
      if (!pdu) return;
      this.#watch.see(pdu.bhs, pdu.data);
      yield pdu.bytes;
    }
    for (let run; (run = framer.nextRun(MAX_RUN_BYTES, NOP_OUT));) yield run;
  }

  /** A ping's answer; else undefined, and the run is as the target is to get it. */
  #answer(run: Uint8Array): Uint8Array | undefined {
    if (!this.#pings) return undefined;
    const answer = this.#pings.answer(run);
    if (!answer) this.#pings.fromInitiator(run);
    return answer;
  }

  *#receiveFromTarget(chunk: Uint8Array): Generator<Uint8Array> {
    const framer = this.#fromTarget;
    framer.push(chunk);
    while (!this.#digests) {
      const pdu = framer.next();
      if (!pdu) return;
      const digests = this.#watch.see(pdu.bhs, pdu.data);
      if (digests) this.#beginFullFeaturePhase(pdu.bhs, digests);
      yield pdu.bytes;
    }
    if (this.#rewrite) {
      for (let pdu; (pdu = framer.next());) {
        yield this.#rewrite(pdu, this.#digests) ?? pdu.bytes;
      }
    } else {
      for (let run; (run = framer.nextRun(MAX_RUN_BYTES));) {
        yield this.#pings?.fromTarget(run) ?? run;
      }
    }
  }

  /** The initiator sends nothing between its last Login Request and this, so both framers are between two PDUs. */
  #beginFullFeaturePhase(response: Uint8Array, digests: Digests): void {
    if (this.#fromInitiator.pendingBytes > 0) {
      throw new PeerError("Expected the login to end before another PDU");
    }
    this.#digests = digests;
    if (this.#answerPings && this.#watch.recoversNothing) {
      const { maxDataBytes } = this.#watch;
      this.#pings = new Pings(response, { digests, maxDataBytes });
    }
    this.#fromInitiator.set({ digests });
    this.#fromTarget.set({ digests });
  }
}

function expectNoRest(framer: Framer): void {
  if (framer.pendingBytes > 0) {
    throw new PeerError("Expected the rest of a PDU, got the end");
  }
}

const FRAMING = {
  maxDataSegmentBytes: MAX_RELAYED_DATA_SEGMENT_BYTES,
  verify: false,
} as const;
