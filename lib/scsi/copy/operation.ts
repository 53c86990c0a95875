/**
 * One EXTENDED COPY while it is carried out (SPC-4 section 6.4.7). Segments come one after the other, and each is looked at when its turn comes: what
 * was copied before stays, and nothing behind the one that fails is touched.
 *
 * The copy manager acts for the nexus that asked: whatever that may not read or write itself, it may not copy. This is looked at again before
 * each piece, because reservations, write protection, the capacity and the units themselves may change meanwhile.
 */

import type { CopyOperation, CopySegment, Outcome } from "../plan.ts";
import { SenseCode, SenseKey } from "../sense_code.ts";
import { Status } from "../status.ts";
import type { Member } from "../device.ts";
import { type Caller, RESERVATION_CONFLICT, type Unit } from "../unit.ts";
import type { Cscd } from "./cscd_descriptor.ts";
import type { CopyList } from "./parameter_list.ts";
import type { CopyRecord } from "./records.ts";
import { FieldAt, type Segment } from "./segment_descriptor.ts";
import { copyAborted, type CopyFailure } from "./sense.ts";

type Side = "source" | "destination";

/** A unit that bytes are copied from or to, as it was when the segment began. */
interface End {
  readonly side: Side;
  readonly cscd: Cscd;
  readonly member: Member & { readonly unit: Unit };
  readonly resets: number;
  readonly lba: number;
  readonly blocks: number;
}

/** A segment whose ends are there, and how its bytes fill blocks. */
interface Current {
  readonly ends: readonly [End, End];
  readonly length: number;
  readonly padBytes: number;
}

export class Copying implements CopyOperation {
  readonly #caller: Caller;
  readonly #list: CopyList;
  #record: CopyRecord | undefined;
  #index = 0;
  #ends: readonly End[] = [];

  constructor(caller: Caller, list: CopyList) {
    this.#caller = caller;
    this.#list = list;
  }

  get segments(): number {
    return this.#list.segments.length;
  }

  begin(): Outcome | undefined {
    const { unit, nexus } = this.#caller;
    const record = unit.device.copies.begin(nexus.id, this.#list.listId);
    if (record === "full") return { status: Status.BUSY };
    if (record === "duplicate") {
      return unit.illegal(SenseCode.OPERATION_IN_PROGRESS).outcome;
    }
    this.#record = record;
    return undefined;
  }

  segment(index: number): CopySegment | Outcome {
    this.#index = index;
    this.#ends = [];
    const found = this.#resolve(this.#list.segments[index]!);
    if ("status" in found) return found;
    const [source, destination] = found.ends;
    this.#ends = found.ends;
    return {
      source: placeOf(source),
      destination: placeOf(destination),
      length: found.length,
      padBytes: found.padBytes,
      fua: !destination.member.unit.modes.writeCache,
    };
  }

  objection(): Outcome | undefined {
    for (const end of this.#ends) {
      const objection = this.#objectionOf(end);
      if (objection) return objection;
    }
    return undefined;
  }

  written(bytes: number): void {
    this.#record!.bytesWritten += bytes;
  }

  segmentDone(): void {
    this.#record!.segmentsProcessed++;
  }

  failed(side: Side, outcome: Outcome): Outcome {
    const end = this.#ends.find((end) => end.side === side);
    return this.#aborted({
      failedAt: { end: side, outcome },
      ...(end && { field: { in: "parameters", byte: end.cscd.at } }),
    });
  }

  end(outcome: Outcome | undefined): void {
    this.#caller.unit.device.copies.end(this.#record!, outcome);
  }

  #resolve(segment: Segment): Current | Outcome {
    const source = this.#member(segment.source, FieldAt.SOURCE);
    if ("status" in source) return source;
    const destination = this.#member(segment.destination, FieldAt.DESTINATION);
    if ("status" in destination) return destination;
    const size = sizeOf(segment, source, destination);
    if (!size) {
      return this.#aborted({
        code: SenseCode.UNEXPECTED_INEXACT_SEGMENT,
        field: { in: "segment", byte: FieldAt.BLOCKS },
      });
    }
    const { length, padBytes, sourceBlocks, destinationBlocks } = size;
    const { sourceLba, destinationLba } = segment;
    return {
      length,
      padBytes,
      ends: [
        endOf("source", source, { lba: sourceLba, blocks: sourceBlocks }),
        endOf("destination", destination, {
          lba: destinationLba,
          blocks: destinationBlocks,
        }),
      ],
    };
  }

  #member(id: number, byte: number): Found | Outcome {
    const cscd = this.#list.cscds[id];
    const field = { in: "segment", byte } as const;
    const member = cscd?.naa === undefined
      ? undefined
      : this.#caller.unit.device.find(cscd.naa);
    if (!cscd || !member?.unit) {
      return this.#aborted({ code: SenseCode.UNREACHABLE_COPY_TARGET, field });
    }
    const { logicalUnit, unit } = member;
    return cscd.peripheralDeviceType === 0
      ? { cscd, member: { logicalUnit, unit } }
      : this.#aborted({
        code: SenseCode.INCORRECT_COPY_TARGET_DEVICE_TYPE,
        field,
      });
  }

  #objectionOf(end: End): Outcome | undefined {
    const { side, member: { unit, logicalUnit }, resets } = end;
    const { nexus, unit: { device } } = this.#caller;
    if (!device.has(unit) || unit.resets !== resets) {
      return this.#aborted({
        code: SenseCode.COPY_TARGET_DEVICE_NOT_REACHABLE,
        field: { in: "parameters", byte: end.cscd.at },
      });
    }
    const access = side === "source" ? "read" : "write";
    if (unit.reservations.forbids(nexus, access)) {
      return this.failed(side, RESERVATION_CONFLICT.outcome);
    }
    const obstacle = logicalUnit.refusal(nexus);
    if (obstacle) return this.failed(side, obstacle);
    if (side === "destination" && unit.writeProtects(nexus)) {
      const code = SenseCode.WRITE_PROTECTED;
      const key = SenseKey.DATA_PROTECT;
      return this.failed(side, unit.check({ key, code }).outcome);
    }
    if (end.blocks <= unit.blocks && end.lba <= unit.blocks - end.blocks) {
      return undefined;
    }
    const code = SenseCode.LOGICAL_BLOCK_ADDRESS_OUT_OF_RANGE;
    return this.failed(side, unit.illegal(code).outcome);
  }

  #aborted(failure: Omit<CopyFailure, "segment">): Outcome {
    const { descriptorSense } = this.#caller.unit.modes;
    return copyAborted({ ...failure, segment: this.#index }, descriptorSense);
  }
}

interface Found {
  readonly cscd: Cscd;
  readonly member: Member & { readonly unit: Unit };
}

function endOf(
  side: Side,
  { cscd, member }: Found,
  blocks: { readonly lba: number; readonly blocks: number },
): End {
  return { side, cscd, member, resets: member.unit.resets, ...blocks };
}

function placeOf({ member, lba }: End): CopySegment["source"] {
  const { logicalUnit, unit } = member;
  return { unit: logicalUnit, offset: lba * unit.blockSizeBytes };
}

/**
 * How the segment's bytes fill blocks at both ends; undefined where they do not and nobody said that they may be padded (SPC-4 table 133). What
 * would have to be kept for the next segment is not done, and the same.
 */
function sizeOf(
  segment: Segment,
  source: Found,
  destination: Found,
): {
  readonly length: number;
  readonly padBytes: number;
  readonly sourceBlocks: number;
  readonly destinationBlocks: number;
} | undefined {
  const { blocks, countsDestination, concatenates } = segment;
  const from = source.member.unit.blockSizeBytes;
  const to = destination.member.unit.blockSizeBytes;
  const length = blocks * (countsDestination ? to : from);
  const sourceBlocks = Math.ceil(length / from);
  const destinationBlocks = Math.ceil(length / to);
  const dropsBytes = sourceBlocks * from - length;
  const padBytes = destinationBlocks * to - length;
  const isExact = dropsBytes === 0 && padBytes === 0;
  const mayPad = !concatenates && (dropsBytes === 0 || source.cscd.pad) &&
    (padBytes === 0 || destination.cscd.pad);
  return isExact || mayPad
    ? { length, padBytes, sourceBlocks, destinationBlocks }
    : undefined;
}
