/**
 * A session in full feature phase, the initiator's side: one read loop, and methods that send a request and wait for its
 * answer. A lost connection fails all that is under way.
 */

import type { Duplex } from "../base/duplex.ts";
import { ConnectionLost, PeerError } from "../base/errors.ts";
import type { Framer } from "../iscsi/framer.ts";
import type { InitiatorLoginResult } from "../iscsi/initiator_login.ts";
import type { Parameters } from "../iscsi/parameters.ts";
import type { AsyncMessage } from "../iscsi/pdu/async_message.ts";
import { RESERVED_TAG } from "../iscsi/pdu/bhs.ts";
import {
  CLOSE_SESSION,
  encodeLogoutRequest,
} from "../iscsi/pdu/logout_request.ts";
import {
  LOGOUT_CLOSED,
  type LogoutResponse,
} from "../iscsi/pdu/logout_response.ts";
import { encodeLun } from "../iscsi/pdu/lun.ts";
import { encodeNopOut } from "../iscsi/pdu/nop_out.ts";
import { encodeTaskManagementRequest } from "../iscsi/pdu/task_management_request.ts";
import { FUNCTION_COMPLETE } from "../iscsi/pdu/task_management_response.ts";
import { encodeTextRequest } from "../iscsi/pdu/text_request.ts";
import type { TextResponse } from "../iscsi/pdu/text_response.ts";
import { type DiscoveredTarget, parseTargets } from "../iscsi/send_targets.ts";
import { type Pair, renderText, TextCollector } from "../iscsi/text.ts";
import type { Command, CommandResult } from "./command.ts";
import { Incoming, type Replies } from "./incoming.ts";
import type { InitiatorSession, SessionEvent } from "./initiator_session.ts";
import { Requests } from "./requests.ts";
import { type DataRange, Sender } from "./sender.ts";
import { Task } from "./task.ts";
import { type TaskManagement, tasksEndedBy } from "./task_management.ts";

export interface SessionOptions {
  readonly duplex: Duplex;
  /** May hold bytes that came right after the login. */
  readonly framer: Framer;
  readonly login: InitiatorLoginResult;
  readonly onEvent?: (event: SessionEvent) => void;
}

/** Longer CDBs would need an additional header segment (RFC 7143 section 11.2.2.3), which none of our commands has. */
const MAX_CDB_BYTES = 16;

const NOTHING = new Uint8Array(0);
const LUN_0 = encodeLun(0);

/** See {@linkcode InitiatorSession} for what its callers may count on. */
export class Session implements InitiatorSession, Replies {
  readonly parameters: Parameters;
  readonly tsih: number;
  readonly closed: Promise<void>;
  /** Commands sent and not answered, by task tag. */
  readonly tasks = new Map<number, Task>();
  readonly #duplex: Duplex;
  readonly #requests: Requests;
  readonly #sender: Sender;
  readonly #onEvent: (event: SessionEvent) => void;
  #over = false;

  constructor(options: SessionOptions) {
    const { login, duplex } = options;
    this.parameters = login.parameters;
    this.tsih = login.tsih;
    this.#duplex = duplex;
    this.#onEvent = options.onEvent ?? (() => {});
    this.#requests = new Requests(login);
    this.#sender = new Sender({
      duplex,
      parameters: login.parameters,
      expStatSn: login.expStatSn,
      isActive: (task) => this.tasks.get(task.initiatorTaskTag) === task,
      failed: (thrown) => this.#end(thrown),
    });
    this.closed = this.#read(options.framer);
  }

  command(command: Command): Promise<CommandResult> {
    const dataOut = command.dataOut ?? NOTHING;
    const dataIn = command.into ?? new Uint8Array(command.dataInLength ?? 0);
    if (dataOut.length > 0 && dataIn.length > 0) {
      throw new RangeError("Bidirectional commands are not supported");
    }
    if (command.cdb.length === 0 || command.cdb.length > MAX_CDB_BYTES) {
      throw new RangeError(`A CDB cannot have ${command.cdb.length} bytes`);
    }
    const lun = encodeLun(command.lun);
    return this.#requests.ask<CommandResult>({
      immediate: command.immediate ?? false,
      send: (initiatorTaskTag, cmdSn) => {
        const task = new Task({
          lun,
          initiatorTaskTag,
          cmdSn,
          dataOut,
          dataIn,
        });
        this.tasks.set(initiatorTaskTag, task);
        this.#sender.command(command, task);
        command.onTag?.(initiatorTaskTag);
      },
    });
  }

  nop(data: Uint8Array = NOTHING): Promise<Uint8Array> {
    if (data.length > this.parameters.maxRecvDataSegmentLength) {
      throw new RangeError(`The target takes no ping of ${data.length} bytes`);
    }
    return this.#requests.ask<Uint8Array>({
      send: (initiatorTaskTag, cmdSn) =>
        this.#sender.post(encodeNopOut, {
          immediate: false,
          dataSegmentLength: data.length,
          lun: LUN_0,
          initiatorTaskTag,
          targetTransferTag: RESERVED_TAG,
          cmdSn,
        }, data),
    });
  }

  async taskManagement(ask: TaskManagement): Promise<number> {
    const referencedTaskTag = ask.referencedTaskTag ?? RESERVED_TAG;
    const lun = encodeLun(ask.lun ?? 0);
    let sentAt = 0;
    const response = await this.#requests.ask<number>({
      immediate: true,
      send: (initiatorTaskTag, cmdSn) => {
        sentAt = cmdSn;
        this.#sender.post(encodeTaskManagementRequest, {
          immediate: true,
          function: ask.function,
          lun,
          initiatorTaskTag,
          referencedTaskTag,
          cmdSn,
          refCmdSn: this.tasks.get(referencedTaskTag)?.cmdSn ?? 0,
          expDataSn: 0,
        });
      },
    });
    if (response === FUNCTION_COMPLETE) {
      // The target says nothing more of these tasks (RFC 7143 section 4.2.3.3).
      const tasks = this.tasks.values();
      for (const tag of tasksEndedBy(ask, { cmdSn: sentAt, tasks })) {
        this.#drop(tag, new PeerError("The command was aborted"));
      }
    }
    return response;
  }

  async discover(): Promise<DiscoveredTarget[]> {
    return parseTargets(
      await this.text([{ key: "SendTargets", value: "All" }]),
    );
  }

  /** Sends a text and gives the whole answer, however many PDUs it takes. */
  async text(pairs: readonly Pair[]): Promise<Pair[]> {
    const collector = new TextCollector();
    let { response, data } = await this.#text(renderText(pairs));
    for (;;) {
      const answer = collector.add(data, response.continue);
      if (answer !== undefined) return answer;
      ({ response, data } = await this.#text(NOTHING, response));
    }
  }

  async logout(): Promise<void> {
    const asked = this.#requests.ask<LogoutResponse>({
      immediate: true,
      send: (initiatorTaskTag, cmdSn) =>
        this.#sender.post(encodeLogoutRequest, {
          immediate: true,
          reasonCode: CLOSE_SESSION,
          initiatorTaskTag,
          cid: 0,
          cmdSn,
        }),
    });
    this.#requests.refuse();
    const { response } = await asked;
    if (response !== LOGOUT_CLOSED) {
      throw new PeerError(`The target refused to log out: ${response}`);
    }
    this.#end(undefined);
    await this.#duplex.close();
    this.#duplex.abort();
    await this.closed;
  }

  abort(reason: Error = new ConnectionLost("The session was cut")): void {
    this.#end(reason);
    this.#duplex.abort(reason);
  }

  // What `incoming.ts` tells.

  /** The StatSN that is due next. */
  get expStatSn(): number {
    return this.#sender.expStatSn;
  }

  set expStatSn(value: number) {
    this.#sender.expStatSn = value;
  }

  window(expCmdSn: number, maxCmdSn: number): void {
    this.#requests.window(expCmdSn, maxCmdSn);
  }

  reply(tag: number, answer: unknown): void {
    this.tasks.delete(tag);
    this.#requests.reply(tag, answer);
  }

  /** A PDU with this task tag was rejected; without a request that waits under it, that is an event. */
  rejected(tag: number | undefined, reason: number): void {
    const error = new PeerError(
      `The target rejected the request: 0x${reason.toString(16)}`,
    );
    if (tag !== undefined && this.#drop(tag, error)) return;
    this.#onEvent({ kind: "reject", reason });
  }

  event(message: AsyncMessage, data: Uint8Array): void {
    const { asyncEvent, asyncVCode } = message;
    this.#onEvent({
      kind: "async",
      asyncEvent,
      asyncVCode,
      parameters: [message.parameter1, message.parameter2, message.parameter3],
      data,
    });
  }

  sendData(task: Task, range: DataRange): void {
    this.#sender.data(task, range);
  }

  pong(lun: Uint8Array, targetTransferTag: number): void {
    const { cmdSn } = this.#requests;
    this.#sender.pong({ lun, targetTransferTag, cmdSn });
  }

  #text(
    data: Uint8Array,
    before?: TextResponse,
  ): Promise<{ response: TextResponse; data: Uint8Array }> {
    return this.#requests.ask({
      // An exchange keeps its task tag (RFC 7143 section 11.10.4).
      ...(before && { tag: before.initiatorTaskTag }),
      send: (initiatorTaskTag, cmdSn) =>
        this.#sender.post(encodeTextRequest, {
          immediate: false,
          final: true,
          continue: false,
          dataSegmentLength: data.length,
          lun: LUN_0,
          initiatorTaskTag,
          targetTransferTag: before?.targetTransferTag ?? RESERVED_TAG,
          cmdSn,
        }, data),
    });
  }

  #drop(tag: number, error: Error): boolean {
    this.tasks.delete(tag);
    return this.#requests.fail(tag, error);
  }

  async #read(framer: Framer): Promise<void> {
    const incoming = new Incoming(this);
    try {
      let chunk: Uint8Array | undefined = NOTHING;
      while (chunk !== undefined) {
        for (let pdu = framer.next(); pdu; pdu = framer.next()) {
          incoming.receive(pdu);
        }
        chunk = await this.#duplex.read();
        if (chunk !== undefined) framer.push(chunk);
      }
      throw new ConnectionLost("The target closed the connection");
    } catch (thrown) {
      this.#end(thrown);
      this.#duplex.abort(thrown instanceof Error ? thrown : undefined);
    }
  }

  /** The session is over; only the first call counts. */
  #end(thrown: unknown): void {
    if (this.#over) return;
    this.#over = true;
    const error = thrown instanceof Error ? thrown : undefined;
    this.#requests.close(
      error ?? new ConnectionLost("The session was logged out"),
    );
    this.tasks.clear();
    this.#onEvent({ kind: "closed", ...(error && { error }) });
  }
}
