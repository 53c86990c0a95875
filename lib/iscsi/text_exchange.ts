/**
 * Text requests in full feature phase, the target's side (RFC 7143 sections 11.10 and 11.11): SendTargets, and what may still be
 * negotiated.
 *
 *     idle ──request──► collecting (C bit) ──last part──► answering (as many responses as the text takes) ──► idle
 *
 * One exchange at a time, as the RFC asks of the initiator; a request with a reserved Target Transfer Tag begins a new one.
 */

import { PeerError } from "../base/errors.ts";
import { REJECT } from "./keys.ts";
import { Negotiation } from "./negotiation.ts";
import { type Offer, TARGET_OFFER } from "./offer.ts";
import type { Parameters } from "./parameters.ts";
import { RESERVED_TAG } from "./pdu/bhs.ts";
import type { TextRequest } from "./pdu/text_request.ts";
import {
  type Asked,
  type DiscoveredTarget,
  parseSendTargets,
  renderTargets,
} from "./send_targets.ts";
import { type Pair, renderText, TextCollector } from "./text.ts";

export interface TextExchangeOptions {
  readonly parameters: Parameters;
  /** What an exchange that goes on is known by: unlike every other Target Transfer Tag of the connection. */
  readonly targetTransferTag: number;
  /** The targets that this initiator may see. */
  targets(asked: Asked): readonly DiscoveredTarget[];
  readonly offer?: Offer;
}

/** What goes into the Text Response; its ITT and LUN are the request's. */
export interface TextReply {
  readonly final: boolean;
  readonly continue: boolean;
  readonly targetTransferTag: number;
  readonly text: Uint8Array;
  /** What holds from now on. */
  readonly parameters: Parameters;
}

const NOTHING = new Uint8Array(0);

export class TextExchange {
  readonly #options: TextExchangeOptions;
  #parameters: Parameters;
  #collector = new TextCollector();
  #rest: Uint8Array = NOTHING;
  /** The task tag of the exchange under way. */
  #tag: number | undefined;

  constructor(options: TextExchangeOptions) {
    this.#options = options;
    this.#parameters = options.parameters;
  }

  /** @throws {PeerError} where the request is malformed or goes on with nothing: answer Reject, Protocol Error */
  receive(request: TextRequest, data: Uint8Array): TextReply {
    try {
      return this.#receive(request, data);
    } catch (thrown) {
      this.#end();
      throw thrown;
    }
  }

  #receive(request: TextRequest, data: Uint8Array): TextReply {
    if (request.targetTransferTag === RESERVED_TAG) {
      this.#end();
      this.#tag = request.initiatorTaskTag;
    } else if (
      request.targetTransferTag !== this.#options.targetTransferTag ||
      request.initiatorTaskTag !== this.#tag
    ) {
      throw new PeerError("A text request goes on with an unknown exchange");
    }
    if (request.final && request.continue) {
      throw new PeerError("F and C came together in a text request");
    }
    if (this.#rest.length > 0) {
      if (data.length > 0) throw new PeerError("Text came out of turn");
      return this.#reply(request);
    }
    const pairs = this.#collector.add(data, request.continue);
    if (pairs !== undefined) this.#rest = renderText(this.#answer(pairs));
    return this.#reply(request);
  }

  #answer(pairs: readonly Pair[]): Pair[] {
    const asked = pairs.filter(({ key }) => key === "SendTargets");
    const others = pairs.filter(({ key }) => key !== "SendTargets");
    const negotiation = new Negotiation({
      role: "target",
      offer: this.#options.offer ?? TARGET_OFFER,
      sessionType: this.#parameters.sessionType,
      since: this.#parameters,
    });
    const answers = negotiation.receive(others);
    this.#parameters = negotiation.parameters;
    if (asked.length > 1) throw new PeerError("SendTargets came twice");
    return asked.length === 0
      ? answers
      : [...this.#targets(asked[0]!.value), ...answers];
  }

  #targets(value: string): Pair[] {
    const asked = parseSendTargets(value);
    // RFC 7143 appendix C: a discovery session may ask for all, a normal one for its own target.
    const discovery = this.#parameters.sessionType === "Discovery";
    if (
      (asked.kind === "all" && !discovery) ||
      (asked.kind === "session" && discovery)
    ) return [{ key: "SendTargets", value: REJECT }];
    return renderTargets(this.#options.targets(asked));
  }

  #reply(request: TextRequest): TextReply {
    const text = this.#rest.subarray(
      0,
      this.#parameters.maxRecvDataSegmentLength,
    );
    this.#rest = this.#rest.subarray(text.length);
    const goesOn = this.#rest.length > 0;
    const final = request.final && !goesOn && !this.#collector.open;
    if (final) this.#end();
    return {
      final,
      continue: goesOn,
      targetTransferTag: final ? RESERVED_TAG : this.#options.targetTransferTag,
      text,
      parameters: this.#parameters,
    };
  }

  #end(): void {
    this.#tag = undefined;
    this.#rest = NOTHING;
    this.#collector = new TextCollector();
  }
}
