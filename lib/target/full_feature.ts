/**
 * The full feature phase of one connection: whole PDUs in, PDUs into the queue of what is sent. Numbered requests are taken in the order
 * of their CmdSN (RFC 7143 section 4.2.2.1); what a request may not be is rejected, and what makes the connection useless is thrown.
 */

import { PeerError } from "../base/errors.ts";
import { serialLess } from "../base/serial.ts";
import { Pdu } from "../iscsi/framer.ts";
import { dataStart, type Digests } from "../iscsi/layout.ts";
import type { Offer } from "../iscsi/offer.ts";
import {
  ahsBytesOf,
  isImmediate,
  opcodeOf,
  RESERVED_TAG,
} from "../iscsi/pdu/bhs.ts";
import {
  CLOSE_CONNECTION,
  CLOSE_SESSION,
  decodeLogoutRequest,
  REMOVE_CONNECTION_FOR_RECOVERY,
} from "../iscsi/pdu/logout_request.ts";
import {
  LOGOUT_CID_NOT_FOUND,
  LOGOUT_CLOSED,
  LOGOUT_RECOVERY_NOT_SUPPORTED,
} from "../iscsi/pdu/logout_response.ts";
import { decodeLun } from "../iscsi/pdu/lun.ts";
import { decodeNopOut } from "../iscsi/pdu/nop_out.ts";
import * as opcode from "../iscsi/pdu/opcode.ts";
import * as reason from "../iscsi/pdu/reject.ts";
import { decodeScsiCommand } from "../iscsi/pdu/scsi_command.ts";
import { decodeTaskManagementRequest } from "../iscsi/pdu/task_management_request.ts";
import { decodeTextRequest } from "../iscsi/pdu/text_request.ts";
import type { Asked, DiscoveredTarget } from "../iscsi/send_targets.ts";
import type { Outcome } from "../scsi/plan.ts";
import { u32 } from "../base/bytes.ts";
import { Commands } from "./commands.ts";
import type { Job } from "./job.ts";
import { DATA_OUT_BUDGET_BYTES, MAX_IMMEDIATE_FUNCTIONS } from "./limits.ts";
import type { Phase } from "./phase.ts";
import type { Session } from "./session.ts";
import type { Target } from "./target.ts";
import { type Held, manageTasks } from "./task_management.ts";
import { TextExchange } from "./text_exchange.ts";

const CMD_SN_AT = 24;

/** Held in place of a command that was aborted before its turn. */
const PLUG = new Uint8Array(0);

export interface FullFeatureOptions {
  /** Without a session it is a discovery session: text and logout alone. */
  readonly phase: Omit<Phase, "session"> & {
    readonly session: Session | undefined;
  };
  readonly cid: number;
  readonly digests: Digests;
  readonly offer: Offer;
  readonly discover: (asked: Asked) => readonly DiscoveredTarget[];
}

export class FullFeature {
  readonly commands: Commands | undefined;
  readonly #phase: FullFeatureOptions["phase"];
  readonly #session: Session | undefined;
  readonly #text: TextExchange;
  readonly #cid: number;
  readonly #digests: Digests;
  #heldBytes = 0;
  /** Task management functions outside of the command window that are not answered yet. */
  #managing = 0;
  #closing: Promise<void> | undefined;

  constructor(options: FullFeatureOptions) {
    const { phase } = options;
    this.#phase = phase;
    this.#session = phase.session;
    this.#cid = options.cid;
    this.#digests = options.digests;
    if (phase.session) this.commands = new Commands(phase as Phase);
    this.#text = new TextExchange({
      replies: phase.replies,
      offer: options.offer,
      parameters: () => phase.parameters,
      changed: (parameters) => phase.parameters = parameters,
      discover: options.discover,
    });
  }

  /** Resolves when the logout that the initiator asked for was answered. Undefined where it has not asked. */
  get closing(): Promise<void> | undefined {
    return this.#closing;
  }

  /**
   * Takes one PDU. Its views are lent until {@linkcode Commands.takeLent} allows them to go.
   *
   * @throws {PeerError} where the connection cannot go on
   */
  receive(pdu: Pdu): void {
    if (this.#closing) return;
    const code = opcodeOf(pdu.bytes);
    if (code === opcode.DATA_OUT) {
      if (this.commands) this.commands.dataOut(pdu);
      else this.#reject(reason.REJECT_PROTOCOL_ERROR, pdu);
      return;
    }
    if (!pdu.dataDigestOk) {
      // RFC 7143 section 7.8: discarded, as if it had never come.
      return this.#reject(reason.REJECT_DATA_DIGEST_ERROR, pdu);
    }
    switch (code) {
      case opcode.SCSI_COMMAND:
      case opcode.TASK_MANAGEMENT_REQUEST:
      case opcode.TEXT_REQUEST:
      case opcode.LOGOUT_REQUEST:
      case opcode.NOP_OUT:
        return this.#inOrder(pdu);
      case opcode.SNACK_REQUEST:
        return this.#reject(reason.REJECT_SNACK, pdu);
      case opcode.LOGIN_REQUEST:
        throw new PeerError("A Login Request came after the login");
      default:
        return this.#reject(reason.REJECT_COMMAND_NOT_SUPPORTED, pdu);
    }
  }

  /** See {@linkcode Control.abortTasks}. */
  async abortTasks(lun: number | undefined, by?: Job): Promise<number> {
    const held = by ? 0 : this.#dropHeld({ lun });
    const begun = await this.commands?.tasks.abort((task) =>
      task !== by && (lun === undefined || task.lun === lun)
    );
    return held + (begun ?? 0);
  }

  /** See {@linkcode Control.dismissTasks}. A command that waits for its turn finds nobody there when it comes. */
  async dismissTasks(lun: number, verdict: Outcome): Promise<void> {
    await this.commands?.tasks.abort((task) => task.lun === lun, verdict);
  }

  /** Ends all tasks and resolves when none of them can touch a volume any more. */
  async abandon(): Promise<void> {
    await this.commands?.tasks.abort(() => true);
  }

  #inOrder(pdu: Pdu): void {
    const { window } = this.#phase;
    const cmdSn = u32(pdu.bytes, CMD_SN_AT);
    switch (window.arrive(cmdSn, isImmediate(pdu.bytes))) {
      case "deliver":
        this.#deliver(pdu);
        return this.#deliverHeld();
      case "hold":
        this.#heldBytes += pdu.bytes.length;
        if (this.#heldBytes > DATA_OUT_BUDGET_BYTES) {
          throw new PeerError("Too much came out of the order of its CmdSN");
        }
        return window.hold(cmdSn, pdu.bytes.slice());
      case "ignore":
        return;
    }
  }

  #deliverHeld(): void {
    const { window } = this.#phase;
    for (let bytes = window.next(); bytes; bytes = window.next()) {
      if (bytes === PLUG) {
        window.complete();
        continue;
      }
      this.#heldBytes -= bytes.length;
      const dataAt = dataStart(this.#digests, ahsBytesOf(bytes));
      this.#deliver(new Pdu(bytes, dataAt, true));
    }
  }

  #deliver(pdu: Pdu): void {
    if (this.#closing) return;
    switch (opcodeOf(pdu.bytes)) {
      case opcode.SCSI_COMMAND:
        if (this.commands) return this.commands.receive(pdu);
        return this.#refuse(pdu);
      case opcode.NOP_OUT:
        return this.#nopOut(pdu);
      case opcode.TEXT_REQUEST:
        return this.#textRequest(pdu);
      case opcode.TASK_MANAGEMENT_REQUEST:
        return this.#taskManagement(pdu);
      case opcode.LOGOUT_REQUEST:
        return this.#logout(pdu);
    }
  }

  #nopOut(pdu: Pdu): void {
    const nop = decodeNopOut(pdu.bytes);
    this.#complete(pdu);
    // Without a tag it answers a ping of ours, or says that the initiator is there.
    if (nop.initiatorTaskTag === RESERVED_TAG) return;
    const data = pdu.data.subarray(
      0,
      this.#phase.parameters.maxRecvDataSegmentLength,
    );
    this.#phase.replies.pong(nop.initiatorTaskTag, nop.lun, data);
  }

  #textRequest(pdu: Pdu): void {
    this.#complete(pdu);
    try {
      this.#text.receive(decodeTextRequest(pdu.bytes), pdu.data);
    } catch (thrown) {
      if (!(thrown instanceof PeerError)) throw thrown;
      this.#reject(reason.REJECT_PROTOCOL_ERROR, pdu);
    }
  }

  #taskManagement(pdu: Pdu): void {
    const { commands } = this;
    const session = this.#session;
    if (!commands || !session) return this.#refuse(pdu);
    const ask = decodeTaskManagementRequest(pdu.bytes);
    if (ask.immediate && this.#managing >= MAX_IMMEDIATE_FUNCTIONS) {
      return this.#reject(reason.REJECT_TOO_MANY_IMMEDIATE_COMMANDS, pdu);
    }
    if (ask.immediate) this.#managing++;
    const work = manageTasks(ask, {
      session,
      tasks: commands.tasks,
      plug: (cmdSn) => serialLess(cmdSn, ask.cmdSn) && this.#plug(cmdSn),
      dropHeld: (which) => this.#dropHeld({ ...which, before: ask.cmdSn }),
    });
    work.then(async ({ response, endSessions }) => {
      if (ask.immediate) this.#managing--;
      else this.#phase.window.complete();
      this.#phase.replies.taskManagement(ask.initiatorTaskTag, response);
      this.#phase.replies.out.flushSoon();
      if (endSessions) await this.#endSessions(session.target, endSessions);
    }).catch(this.#phase.defect);
  }

  /** After TARGET COLD RESET, once its initiator was told. */
  async #endSessions(
    target: Target,
    sessions: readonly Session[],
  ): Promise<void> {
    await this.#phase.replies.out.drained();
    await target.endSessions("The target was reset", sessions);
  }

  /** Commands that have come but wait for their turn will not have it; gives how many there were. */
  #dropHeld(which: Held & { readonly before?: number }): number {
    const { window } = this.#phase;
    const { lun, initiatorTaskTag, before } = which;
    let count = 0;
    for (const [cmdSn, bytes] of window.held()) {
      if (bytes === PLUG || opcodeOf(bytes) !== opcode.SCSI_COMMAND) continue;
      const command = decodeScsiCommand(bytes);
      const meant = (lun === undefined || decodeLun(command.lun) === lun) &&
        (initiatorTaskTag === undefined ||
          command.initiatorTaskTag === initiatorTaskTag) &&
        (before === undefined || serialLess(cmdSn, before));
      if (!meant) continue;
      window.hold(cmdSn, PLUG);
      this.#heldBytes -= bytes.length;
      count++;
    }
    return count;
  }

  #plug(cmdSn: number): boolean {
    const { window } = this.#phase;
    switch (window.arrive(cmdSn, false)) {
      case "deliver":
        window.complete();
        this.#deliverHeld();
        return true;
      case "hold":
        window.hold(cmdSn, PLUG);
        return true;
      case "ignore":
        return false;
    }
  }

  #logout(pdu: Pdu): void {
    const ask = decodeLogoutRequest(pdu.bytes);
    this.#complete(pdu);
    switch (ask.reasonCode) {
      case CLOSE_SESSION:
        return this.#close(ask.initiatorTaskTag);
      case CLOSE_CONNECTION:
        if (ask.cid === this.#cid) return this.#close(ask.initiatorTaskTag);
        return this.#answerLogout(ask.initiatorTaskTag, LOGOUT_CID_NOT_FOUND);
      case REMOVE_CONNECTION_FOR_RECOVERY:
        return this.#answerLogout(
          ask.initiatorTaskTag,
          LOGOUT_RECOVERY_NOT_SUPPORTED,
        );
      default:
        return this.#reject(reason.REJECT_INVALID_PDU_FIELD, pdu);
    }
  }

  /** What is still under way ends first: after the response nothing of the session touches a volume. */
  #close(initiatorTaskTag: number): void {
    this.#closing = this.abandon().then(() =>
      this.#answerLogout(initiatorTaskTag, LOGOUT_CLOSED)
    );
  }

  #answerLogout(initiatorTaskTag: number, response: number): void {
    const { defaultTime2Wait } = this.#phase.parameters;
    this.#phase.replies.logout({
      initiatorTaskTag,
      response,
      time2Wait: defaultTime2Wait,
    });
  }

  /** A discovery session has no tasks. */
  #refuse(pdu: Pdu): void {
    this.#complete(pdu);
    this.#reject(reason.REJECT_PROTOCOL_ERROR, pdu);
  }

  /** The request is over as far as the command window goes. */
  #complete(pdu: Pdu): void {
    if (!isImmediate(pdu.bytes)) this.#phase.window.complete();
  }

  #reject(why: number, pdu: Pdu): void {
    this.#phase.replies.reject(why, pdu.bytes);
  }
}
