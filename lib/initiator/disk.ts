/** A disk on top of a session: whole blocks read and written, whatever number of commands that takes. */

import { fromUtf8, putU16, putU32, putU64, u32, u64 } from "../base/bytes.ts";
import { PeerError, VaultError } from "../base/errors.ts";
import type { Command, CommandResult } from "./command.ts";
import type { InitiatorSession } from "./initiator_session.ts";
import { parseSense, type Sense, UNIT_ATTENTION } from "./sense.ts";

/** One command moves no more than this; longer transfers go as several at once, as far as the window lets them. */
const MAX_TRANSFER_BYTES = 256 * 1024;
/** A fresh session begins with a few unit attentions; more than this is no disk. */
const MAX_ATTENTIONS = 8;

const GOOD = 0x00;

const TEST_UNIT_READY = 0x00;
const INQUIRY = 0x12;
const READ_16 = 0x88;
const WRITE_16 = 0x8a;
const SYNCHRONIZE_CACHE_16 = 0x91;
const SERVICE_ACTION_IN_16 = 0x9e;
const READ_CAPACITY_16 = 0x10;

const INQUIRY_BYTES = 96;
const READ_CAPACITY_BYTES = 32;

/** A command did not end with GOOD. */
export class ScsiError extends VaultError {
  /** Always this. */
  override readonly name: string = "ScsiError";
  /** SAM status: 0x02 CHECK CONDITION, 0x18 RESERVATION CONFLICT and others. 0 where the iSCSI response says that the target failed. */
  readonly status: number;
  /** Why, where the target says it. */
  readonly sense: Sense | undefined;

  /** `what` was tried, and `result` came of it. */
  constructor(what: string, result: CommandResult) {
    const sense = parseSense(result.sense);
    const detail = result.response !== GOOD
      ? `iSCSI response 0x${hex(result.response, 2)}`
      : sense
      ? `sense key 0x${hex(sense.key, 1)}, code 0x${hex(sense.code, 4)}`
      : `status 0x${hex(result.status, 2)}`;
    super(`${what} failed: ${detail}`);
    this.status = result.status;
    this.sense = sense;
  }
}

/** How large a disk is. */
export interface Capacity {
  /** Logical blocks; the last has the address `blocks - 1`. */
  readonly blocks: number;
  /** Bytes of one of them. */
  readonly blockSizeBytes: number;
}

/** What a logical unit says that it is: standard INQUIRY data (SPC-4 section 6.4.2), the blanks cut off. */
export interface Inquiry {
  /** SPC peripheral device type: 0 is a disk. */
  readonly deviceType: number;
  /** T10 vendor identification. */
  readonly vendor: string;
  /** Product identification. */
  readonly product: string;
  /** Product revision level. */
  readonly revision: string;
}

/**
 * The disk of somebody else, as an initiator uses it. It holds nothing but its capacity: to be done with it, log its session out.
 *
 * Each method rejects with ScsiError where a command does not end with GOOD, a unit attention or a reservation conflict among them, and
 * with PeerError and ConnectionLost as {@linkcode InitiatorSession.command} does.
 */
export interface RemoteDisk {
  /** As of {@linkcode openDisk} or the last {@linkcode RemoteDisk.refresh}. */
  readonly capacity: Capacity;

  /** Takes note of unit attentions that wait, and reads the capacity again: for after a disk has grown. */
  refresh(): Promise<void>;

  /** What it says that it is. */
  inquiry(): Promise<Inquiry>;

  /** The bytes of `blocks` blocks from the block `lba` on. Rejects where less came than was asked for. */
  read(lba: number, blocks: number): Promise<Uint8Array>;

  /**
   * Writes `bytes`, whole blocks, from the block `lba` on. They are lent until it resolves, and on stable storage after
   * {@linkcode RemoteDisk.flush}. Where it rejects, some may have been written.
   *
   * @throws {RangeError} where it is not whole blocks
   */
  write(lba: number, bytes: Uint8Array): Promise<void>;

  /** What was written before is on stable storage when it resolves: SYNCHRONIZE CACHE over the whole disk. */
  flush(): Promise<void>;
}

/**
 * A session's logical unit as a disk. Unit attentions that wait there are taken note of first.
 *
 * @example
 * ```ts
 * import { connectInitiator, duplexPair, MemoryStore, offerStore, openDisk, systemPrimitives } from "@vault/vault";
 *
 * const offered = offerStore({ store: new MemoryStore(2 ** 20), targetName: "iqn.2026-11.internal.example:memory" });
 * const [near, far] = duplexPair();
 * offered.serve(far);
 * const session = await connectInitiator({
 *   duplex: near,
 *   primitives: systemPrimitives,
 *   initiatorName: "iqn.2026-11.internal.example:me",
 *   targetName: offered.targetName,
 * });
 *
 * const disk = await openDisk(session);
 * const { blocks, blockSizeBytes } = disk.capacity;
 * await disk.write(blocks - 1, new Uint8Array(blockSizeBytes).fill(7));
 * await disk.flush();
 * const last = await disk.read(blocks - 1, 1);
 * if (last[0] !== 7) throw new Error("The disk forgot");
 *
 * await session.logout();
 * await offered.close();
 * ```
 *
 * @throws {ScsiError} where there is no such unit, or none that is ready
 */
export async function openDisk(
  session: InitiatorSession,
  lun = 0,
): Promise<RemoteDisk> {
  const disk = new SessionDisk(session, lun);
  await disk.refresh();
  return disk;
}

class SessionDisk implements RemoteDisk {
  readonly #session: InitiatorSession;
  readonly #lun: number;
  #capacity: Capacity = { blocks: 0, blockSizeBytes: 512 };

  constructor(session: InitiatorSession, lun: number) {
    this.#session = session;
    this.#lun = lun;
  }

  get capacity(): Capacity {
    return this.#capacity;
  }

  async refresh(): Promise<void> {
    for (let i = 0; i < MAX_ATTENTIONS; i++) {
      const result = await this.#send({ cdb: cdb(6, TEST_UNIT_READY) });
      if (isGood(result)) break;
      if (parseSense(result.sense)?.key !== UNIT_ATTENTION) {
        throw new ScsiError("TEST UNIT READY", result);
      }
    }
    await this.#readCapacity();
  }

  async #readCapacity(): Promise<void> {
    const command = cdb(16, SERVICE_ACTION_IN_16);
    command[1] = READ_CAPACITY_16;
    putU32(command, 10, READ_CAPACITY_BYTES);
    const { dataIn } = await this.#run("READ CAPACITY", {
      cdb: command,
      dataInLength: READ_CAPACITY_BYTES,
    });
    if (dataIn.length < 12) throw new PeerError("READ CAPACITY is cut short");
    const blocks = u64(dataIn, 0) + 1;
    const blockSizeBytes = u32(dataIn, 8);
    if (
      !Number.isSafeInteger(blocks * blockSizeBytes) || blockSizeBytes === 0
    ) {
      throw new PeerError("READ CAPACITY tells of no possible disk");
    }
    this.#capacity = { blocks, blockSizeBytes };
  }

  async inquiry(): Promise<Inquiry> {
    const command = cdb(6, INQUIRY);
    putU16(command, 3, INQUIRY_BYTES);
    const { dataIn } = await this.#run("INQUIRY", {
      cdb: command,
      dataInLength: INQUIRY_BYTES,
    });
    if (dataIn.length < 36) throw new PeerError("INQUIRY is cut short");
    const text = (start: number, end: number) =>
      (fromUtf8(dataIn.subarray(start, end)) ?? "").trim();
    return {
      deviceType: dataIn[0]! & 0x1f,
      vendor: text(8, 16),
      product: text(16, 32),
      revision: text(32, 36),
    };
  }

  async read(lba: number, blocks: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(blocks * this.#capacity.blockSizeBytes);
    await Promise.all(
      this.#pieces(lba, bytes).map(async ({ lba, piece }) => {
        const result = await this.#run("READ", {
          cdb: this.#transfer(READ_16, lba, piece.length),
          into: piece,
        });
        if (result.dataIn.length !== piece.length) {
          throw new ScsiError("READ of all that was asked for", result);
        }
      }),
    );
    return bytes;
  }

  async write(lba: number, bytes: Uint8Array): Promise<void> {
    if (bytes.length % this.#capacity.blockSizeBytes !== 0) {
      throw new RangeError(
        `${bytes.length} bytes are not whole blocks of ${this.#capacity.blockSizeBytes}`,
      );
    }
    await Promise.all(
      this.#pieces(lba, bytes).map(async ({ lba, piece }) => {
        const result = await this.#run("WRITE", {
          cdb: this.#transfer(WRITE_16, lba, piece.length),
          dataOut: piece,
        });
        if (result.overflow || result.underflow) {
          throw new ScsiError("WRITE of all that was given", result);
        }
      }),
    );
  }

  async flush(): Promise<void> {
    await this.#run("SYNCHRONIZE CACHE", {
      cdb: cdb(16, SYNCHRONIZE_CACHE_16),
    });
  }

  /** `bytes` in parts of whole blocks, each with the block that it begins with. */
  #pieces(
    lba: number,
    bytes: Uint8Array,
  ): { readonly lba: number; readonly piece: Uint8Array }[] {
    const { blockSizeBytes } = this.#capacity;
    const step = Math.max(1, Math.floor(MAX_TRANSFER_BYTES / blockSizeBytes)) *
      blockSizeBytes;
    const pieces = [];
    for (let at = 0; at < bytes.length; at += step) {
      pieces.push({
        lba: lba + at / blockSizeBytes,
        piece: bytes.subarray(at, at + step),
      });
    }
    return pieces;
  }

  /** READ (16) or WRITE (16). */
  #transfer(opcode: number, lba: number, lengthBytes: number): Uint8Array {
    const command = cdb(16, opcode);
    putU64(command, 2, lba);
    putU32(command, 10, lengthBytes / this.#capacity.blockSizeBytes);
    return command;
  }

  #send(command: Omit<Command, "lun">): Promise<CommandResult> {
    return this.#session.command({ ...command, lun: this.#lun });
  }

  async #run(
    what: string,
    command: Omit<Command, "lun">,
  ): Promise<CommandResult> {
    const result = await this.#send(command);
    if (!isGood(result)) throw new ScsiError(what, result);
    return result;
  }
}

function isGood(result: CommandResult): boolean {
  return result.response === 0 && result.status === GOOD;
}

function cdb(length: number, opcode: number): Uint8Array {
  const bytes = new Uint8Array(length);
  bytes[0] = opcode;
  return bytes;
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, "0");
}
