/**
 * Listens in on a login, as whoever relays PDUs must: digests change how long a PDU is on the wire, and they are agreed in the text of
 * Login PDUs that pass by (RFC 7143 sections 6.2 and 13.1). Nothing is changed.
 *
 * A key is settled by its second mention: what one side offers, the other answers with the one value that holds.
 *
 * It also sees to which target the login is: a conversation may be for one target alone.
 */

import { PeerError } from "../base/errors.ts";
import type { Digests } from "../iscsi/layout.ts";
import { CONTINUE_BIT, FLAGS_AT, opcodeOf } from "../iscsi/pdu/bhs.ts";
import { FULL_FEATURE_PHASE } from "../iscsi/pdu/login_request.ts";
import {
  decodeLoginResponse,
  LOGIN_SUCCESS,
} from "../iscsi/pdu/login_response.ts";
import { LOGIN_REQUEST, LOGIN_RESPONSE } from "../iscsi/pdu/opcode.ts";
import { TextCollector } from "../iscsi/text.ts";

/** What holds where an initiator declares none (RFC 7143 section 13.12). */
const DEFAULT_MAX_RECV_DATA_SEGMENT_LENGTH = 8192;

/** What is agreed of the shape of PDUs, and of how lost ones are asked for. */
const WATCHED = ["HeaderDigest", "DataDigest", "ErrorRecoveryLevel"];

type Side = "initiator" | "target";

export class LoginWatch {
  readonly #only: string | undefined;
  readonly #offered = new Map<string, Side>();
  readonly #agreed = new Map<string, string>();
  #maxDataBytes = DEFAULT_MAX_RECV_DATA_SEGMENT_LENGTH;
  readonly #text = {
    initiator: new TextCollector(),
    target: new TextCollector(),
  };

  /** `only`: the iSCSI name of the target that the conversation is for; any without it. */
  constructor(only?: string) {
    this.#only = only?.toLowerCase();
  }

  /** The longest data segment that the initiator takes, as it has declared (RFC 7143 section 13.12). */
  get maxDataBytes(): number {
    return this.#maxDataBytes;
  }

  /** Whether a lost PDU ends the session, as it does unless more was agreed on (RFC 7143 section 7.1.3, ErrorRecoveryLevel 0). */
  get recoversNothing(): boolean {
    return Number(this.#agreed.get("ErrorRecoveryLevel") ?? 0) === 0;
  }

  /**
   * Takes note of one PDU of a login.
   *
   * @returns the digests once the login has succeeded with this PDU; the watch is over then
   * @throws {PeerError} for anything but Login PDUs, which nothing else may precede, and for a login to another target
   */
  see(bhs: Uint8Array, data: Uint8Array): Digests | undefined {
    const opcode = opcodeOf(bhs);
    if (opcode === LOGIN_REQUEST) {
      this.#note("initiator", bhs, data);
      return undefined;
    }
    if (opcode !== LOGIN_RESPONSE) {
      throw new PeerError(
        `Expected a Login PDU, got opcode 0x${opcode.toString(16)}`,
      );
    }
    this.#note("target", bhs, data);
    const { status, transit, nsg } = decodeLoginResponse(bhs);
    if (status !== LOGIN_SUCCESS || !transit || nsg !== FULL_FEATURE_PHASE) {
      return undefined;
    }
    return {
      header: this.#agreed.get("HeaderDigest") === "CRC32C",
      data: this.#agreed.get("DataDigest") === "CRC32C",
    };
  }

  #note(side: Side, bhs: Uint8Array, data: Uint8Array): void {
    const goesOn = (bhs[FLAGS_AT]! & CONTINUE_BIT) !== 0;
    for (const { key, value } of this.#text[side].add(data, goesOn) ?? []) {
      this.#mention(side, key, value);
      if (side === "initiator" && key === "TargetName") this.#expect(value);
      if (side === "initiator" && key === "MaxRecvDataSegmentLength") {
        // What makes no sense is the target's to refuse.
        this.#maxDataBytes = Number(value) || this.#maxDataBytes;
      }
    }
  }

  /** Names are the same whatever their case (RFC 7143 section 4.2.7.2). */
  #expect(target: string): void {
    if (this.#only === undefined || target.toLowerCase() === this.#only) return;
    throw new PeerError("A login to another target than the one attached");
  }

  #mention(side: Side, key: string, value: string): void {
    if (!WATCHED.includes(key)) return;
    const offeredBy = this.#offered.get(key);
    if (offeredBy === undefined) this.#offered.set(key, side);
    else if (offeredBy !== side) this.#agreed.set(key, value);
  }
}
