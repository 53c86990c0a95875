/** The initiator's end of a connection for this room's tests: it sends what it is told, right or wrong, and takes answers apart. */

import { concat, toHex, u32, utf8 } from "../../base/bytes.ts";
import type { Duplex } from "../../base/duplex.ts";
import { Framer, type Pdu } from "../../iscsi/framer.ts";
import {
  dataStart,
  type Digests,
  NO_DIGESTS,
  pduLength,
  sealPdu,
} from "../../iscsi/layout.ts";
import { RESERVED_TAG } from "../../iscsi/pdu/bhs.ts";
import { type DataIn, decodeDataIn } from "../../iscsi/pdu/data_in.ts";
import { encodeDataOut } from "../../iscsi/pdu/data_out.ts";
import { encodeLoginRequest } from "../../iscsi/pdu/login_request.ts";
import { decodeLoginResponse } from "../../iscsi/pdu/login_response.ts";
import { encodeNopOut } from "../../iscsi/pdu/nop_out.ts";
import * as opcode from "../../iscsi/pdu/opcode.ts";
import {
  ATTR_SIMPLE,
  encodeScsiCommand,
} from "../../iscsi/pdu/scsi_command.ts";
import {
  decodeScsiResponse,
  decodeSense,
} from "../../iscsi/pdu/scsi_response.ts";
import { encodeTaskManagementRequest } from "../../iscsi/pdu/task_management_request.ts";
import type { Ended } from "./cdb.ts";
import { type Pair, parseText, renderText } from "../../iscsi/text.ts";

export const INITIATOR = "iqn.2026-01.example:raw";
const LUN_0 = new Uint8Array(8);
const NO_DATA = new Uint8Array(0);

export interface CommandFields {
  readonly cdb: Uint8Array;
  readonly read?: number;
  readonly write?: number;
  /** Immediate data. */
  readonly data?: Uint8Array;
  readonly final?: boolean;
  readonly immediate?: boolean;
  /** Task attribute; SIMPLE unless given. */
  readonly attr?: number;
  readonly lun?: Uint8Array;
  readonly tag?: number;
  readonly cmdSn?: number;
}

export class RawInitiator {
  readonly duplex: Duplex;
  readonly #framer = new Framer({ maxDataSegmentBytes: 2 ** 24 - 1 });
  #digests: Digests = NO_DIGESTS;
  cmdSn = 100;
  #lastTag = 0;
  tsih = 0;
  /** What the target has agreed to. */
  agreed: readonly Pair[] = [];

  constructor(duplex: Duplex) {
    this.duplex = duplex;
  }

  /** Logs in straight at the operational stage. Gives the status, 0 for success. */
  async login(
    options: {
      target?: string;
      initiator?: string;
      isid?: Uint8Array;
      keys?: Record<string, string>;
    } = {},
  ): Promise<number> {
    const names = {
      InitiatorName: options.initiator ?? INITIATOR,
      ...(options.target
        ? { TargetName: options.target }
        : { SessionType: "Discovery" }),
      MaxRecvDataSegmentLength: "262144",
      ...options.keys,
    };
    const data = renderText(
      Object.entries(names).map(([key, value]) => ({ key, value })),
    );
    await this.send((into, at) =>
      encodeLoginRequest(
        {
          transit: true,
          continue: false,
          csg: 1,
          nsg: 3,
          versionMax: 0,
          versionMin: 0,
          dataSegmentLength: data.length,
          isid: options.isid ?? new Uint8Array(6),
          tsih: 0,
          initiatorTaskTag: 1,
          cid: 0,
          cmdSn: this.cmdSn,
          expStatSn: 0,
        },
        into,
        at,
      ), data);
    const pdu = await this.receive();
    const response = decodeLoginResponse(pdu.bytes);
    this.tsih = response.tsih;
    this.agreed = parseText(pdu.data.slice());
    const digest = (key: string) =>
      this.agreed.some((pair) => pair.key === key && pair.value === "CRC32C");
    this.#digests = {
      header: digest("HeaderDigest"),
      data: digest("DataDigest"),
    };
    this.#framer.set({ digests: this.#digests });
    return response.status;
  }

  /** Sends one PDU: `encode` writes its header. */
  async send(
    encode: (into: Uint8Array, at: number) => void,
    data: Uint8Array = NO_DATA,
  ): Promise<void> {
    await this.duplex.write(this.pdu(encode, data));
  }

  /** The whole PDU, with its digests. */
  pdu(
    encode: (into: Uint8Array, at: number) => void,
    data: Uint8Array = NO_DATA,
  ): Uint8Array {
    const bytes = new Uint8Array(pduLength(data.length, this.#digests));
    encode(bytes, 0);
    bytes.set(data, dataStart(this.#digests));
    sealPdu(bytes, 0, { dataLength: data.length, digests: this.#digests });
    return bytes;
  }

  /** The next PDU, valid until the one after. @throws where the target has ended the connection */
  async receive(): Promise<Pdu> {
    while (true) {
      const pdu = this.#framer.next();
      if (pdu) return pdu;
      const chunk = await this.duplex.read();
      if (!chunk) throw new Error("The target has closed");
      this.#framer.push(chunk);
    }
  }

  /** Resolves when the target has ended or cut the connection, whatever it still sends. */
  async closed(): Promise<void> {
    try {
      while (true) await this.receive();
    } catch {
      return;
    }
  }

  /** Sends a SCSI Command; gives its tag. */
  async command(fields: CommandFields): Promise<number> {
    const { bytes, tag } = this.commandPdu(fields);
    await this.duplex.write(bytes);
    return tag;
  }

  commandPdu(fields: CommandFields): { bytes: Uint8Array; tag: number } {
    const tag = fields.tag ?? ++this.#lastTag;
    const data = fields.data ?? NO_DATA;
    const cmdSn = fields.cmdSn ?? this.cmdSn;
    if (!fields.immediate && fields.cmdSn === undefined) this.cmdSn++;
    const bytes = this.pdu((into, at) =>
      encodeScsiCommand(
        {
          immediate: fields.immediate ?? false,
          final: fields.final ?? true,
          read: fields.read !== undefined,
          write: fields.write !== undefined,
          attr: fields.attr ?? ATTR_SIMPLE,
          totalAhsLength: 0,
          dataSegmentLength: data.length,
          lun: fields.lun ?? LUN_0,
          initiatorTaskTag: tag,
          expectedDataTransferLength: fields.read ?? fields.write ?? 0,
          cmdSn: cmdSn >>> 0,
          expStatSn: 0,
          cdb: fields.cdb,
        },
        into,
        at,
      ), data);
    return { bytes, tag };
  }

  async dataOut(
    fields: {
      tag: number;
      ttt?: number;
      offset: number;
      dataSn?: number;
      final?: boolean;
      data: Uint8Array;
    },
  ): Promise<void> {
    await this.duplex.write(this.dataOutPdu(fields));
  }

  dataOutPdu(
    fields: {
      tag: number;
      ttt?: number;
      offset: number;
      dataSn?: number;
      final?: boolean;
      data: Uint8Array;
    },
  ): Uint8Array {
    return this.pdu((into, at) =>
      encodeDataOut(
        {
          final: fields.final ?? true,
          dataSegmentLength: fields.data.length,
          lun: LUN_0,
          initiatorTaskTag: fields.tag,
          targetTransferTag: fields.ttt ?? RESERVED_TAG,
          expStatSn: 0,
          dataSn: fields.dataSn ?? 0,
          bufferOffset: fields.offset,
        },
        into,
        at,
      ), fields.data);
  }

  async taskManagement(
    fields: {
      function: number;
      referenced?: number;
      refCmdSn?: number;
      lun?: Uint8Array;
    },
  ): Promise<void> {
    await this.send((into, at) =>
      encodeTaskManagementRequest(
        {
          immediate: true,
          function: fields.function,
          lun: fields.lun ?? LUN_0,
          initiatorTaskTag: ++this.#lastTag,
          referencedTaskTag: fields.referenced ?? RESERVED_TAG,
          cmdSn: this.cmdSn,
          expStatSn: 0,
          refCmdSn: fields.refCmdSn ?? 0,
          expDataSn: 0,
        },
        into,
        at,
      )
    );
  }

  /** Sends an immediate ping with `text`. */
  async ping(text: string): Promise<void> {
    const data = utf8(text);
    await this.send((into, at) =>
      encodeNopOut(
        {
          immediate: true,
          dataSegmentLength: data.length,
          lun: LUN_0,
          initiatorTaskTag: ++this.#lastTag,
          targetTransferTag: RESERVED_TAG,
          cmdSn: this.cmdSn,
          expStatSn: 0,
        },
        into,
        at,
      ), data);
  }

  /** Collects what comes for the command `tag` up to its status; R2Ts are answered from `data`. */
  async ended(tag: number, data: Uint8Array = NO_DATA): Promise<Ended> {
    const dataIns: DataIn[] = [];
    const parts: Uint8Array[] = [];
    while (true) {
      const pdu = await this.receive();
      if (u32(pdu.bytes, 16) !== tag) {
        throw new Error(`Not for ${tag}: ${toHex(pdu.bytes.subarray(0, 48))}`);
      }
      switch (pdu.bytes[0]) {
        case opcode.DATA_IN: {
          const dataIn = decodeDataIn(pdu.bytes);
          dataIns.push(dataIn);
          parts.push(pdu.data.slice());
          if (!dataIn.hasStatus) break;
          return {
            ...dataIn,
            sense: NO_DATA,
            data: concat(parts),
            response: undefined,
            dataIns,
          };
        }
        case opcode.R2T: {
          const ttt = u32(pdu.bytes, 20);
          const offset = u32(pdu.bytes, 40);
          const length = u32(pdu.bytes, 44);
          const piece = data.subarray(offset, offset + length);
          await this.dataOut({ tag, ttt, offset, data: piece });
          break;
        }
        case opcode.SCSI_RESPONSE: {
          const response = decodeScsiResponse(pdu.bytes);
          return {
            ...response,
            sense: decodeSense(pdu.data).slice(),
            data: concat(parts),
            response,
            dataIns,
          };
        }
        default:
          throw new Error(`Unexpected: ${toHex(pdu.bytes.subarray(0, 48))}`);
      }
    }
  }

  /** One command from its beginning to its end. */
  async run(fields: CommandFields, data?: Uint8Array): Promise<Ended> {
    return await this.ended(await this.command(fields), data ?? fields.data);
  }
}
