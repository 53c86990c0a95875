/**
 * Text negotiation in full feature phase (RFC 7143 sections 7.2 and 11.10): SendTargets, and the keys that may still change.
 *
 *     request C … request ──> answer ──fits──> response F
 *                                └── does not ──> response C ──empty request──> … ──> response F
 *
 * One exchange at a time; the text of either side is bounded.
 */

import { PeerError } from "../base/errors.ts";
import { Negotiation } from "../iscsi/negotiation.ts";
import type { Offer } from "../iscsi/offer.ts";
import type { Parameters } from "../iscsi/parameters.ts";
import { RESERVED_TAG } from "../iscsi/pdu/bhs.ts";
import type { TextRequest } from "../iscsi/pdu/text_request.ts";
import {
  type Asked,
  type DiscoveredTarget,
  parseSendTargets,
  renderTargets,
} from "../iscsi/send_targets.ts";
import { type Pair, renderText, TextCollector } from "../iscsi/text.ts";
import type { Replies } from "./replies.ts";

export interface TextExchangeOptions {
  readonly replies: Replies;
  readonly offer: Offer;
  /** What holds, and whom to tell of a change. */
  readonly parameters: () => Parameters;
  readonly changed: (parameters: Parameters) => void;
  readonly discover: (asked: Asked) => readonly DiscoveredTarget[];
}

/** The tag by which the initiator goes on with an exchange; one exchange at a time needs only one. */
const EXCHANGE_TAG = 1;

/** What one response carries at most, whatever the initiator takes: a long answer comes in pieces. */
const MAX_PIECE_BYTES = 8192;

const NOTHING = new Uint8Array(0);

export class TextExchange {
  readonly #options: TextExchangeOptions;
  #collector = new TextCollector();
  #initiatorTaskTag = RESERVED_TAG;
  /** The answer's text that was not sent yet. */
  #rest: Uint8Array = NOTHING;

  constructor(options: TextExchangeOptions) {
    this.#options = options;
  }

  /** @throws {PeerError} where the text is malformed or comes out of turn */
  receive(request: TextRequest, data: Uint8Array): void {
    if (request.targetTransferTag === RESERVED_TAG) this.#restart(request);
    else if (
      request.targetTransferTag !== EXCHANGE_TAG ||
      request.initiatorTaskTag !== this.#initiatorTaskTag
    ) throw new PeerError("A text request goes on with what has not begun");
    if (this.#rest.length > 0) {
      if (data.length > 0) {
        throw new PeerError("Text came before the answer was over");
      }
      return this.#send(request);
    }
    const pairs = this.#collector.add(data, request.continue);
    if (pairs) this.#rest = renderText(this.#answer(pairs));
    this.#send(request, pairs === undefined);
  }

  /** A request without a tag begins anew, whatever was under way. */
  #restart(request: TextRequest): void {
    this.#collector = new TextCollector();
    this.#rest = NOTHING;
    this.#initiatorTaskTag = request.initiatorTaskTag;
  }

  #answer(pairs: readonly Pair[]): Pair[] {
    const { parameters, changed, discover, offer } = this.#options;
    const since = parameters();
    const negotiation = new Negotiation({
      role: "target",
      offer,
      sessionType: since.sessionType,
      since,
    });
    const answers = negotiation.receive(
      pairs.filter(({ key }) => key !== "SendTargets"),
    );
    changed(negotiation.parameters);
    const asked = pairs.find(({ key }) => key === "SendTargets");
    if (!asked) return answers;
    const targets = discover(parseSendTargets(asked.value));
    return [...answers, ...renderTargets(targets)];
  }

  #send(request: TextRequest, wantsMore = false): void {
    const { replies, parameters } = this.#options;
    const room = Math.min(
      parameters().maxRecvDataSegmentLength,
      MAX_PIECE_BYTES,
    );
    const data = this.#rest.subarray(0, room);
    this.#rest = this.#rest.subarray(data.length);
    const more = this.#rest.length > 0;
    // The initiator ends an exchange: a request without F is answered without F.
    const final = !more && !wantsMore && request.final;
    replies.text({
      initiatorTaskTag: request.initiatorTaskTag,
      lun: request.lun,
      targetTransferTag: final ? RESERVED_TAG : EXCHANGE_TAG,
      final,
      continue: more,
      data,
    });
    if (final) this.#initiatorTaskTag = RESERVED_TAG;
  }
}
