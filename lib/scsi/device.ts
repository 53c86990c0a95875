/**
 * The SCSI target device that logical units belong to: which there are, by LUN. REPORT LUNS tells of these, and EXTENDED COPY reaches
 * these and no others.
 */

import { invariant } from "../base/errors.ts";
import { Copies } from "./copy/records.ts";
import type { LogicalUnit } from "./logical_unit.ts";
import type { Nexus } from "./nexus.ts";
import { SenseCode } from "./sense_code.ts";
import type { Unit } from "./unit.ts";

/** One logical unit in its place. */
export interface Member {
  readonly logicalUnit: LogicalUnit;
  /** Its blocks, where it has any: what has none is not copied from or to. */
  readonly unit?: Unit;
}

/** All logical units behind one target. They come and go while initiators are logged in. */
export class Device {
  /** Of its copy manager. */
  readonly copies = new Copies();
  readonly #members = new Map<number, Member>();

  /** Ascending. */
  get luns(): readonly number[] {
    return [...this.#members.keys()].sort((a, b) => a - b);
  }

  /** All units, in no order. */
  members(): Iterable<Member> {
    return this.#members.values();
  }

  /** It is there from now on, and whoever is logged in to another unit is told. The LUN must be free. */
  add(lun: number, member: Member): void {
    invariant(!this.#members.has(lun), `LUN ${lun} is taken`);
    this.#tell();
    this.#members.set(lun, member);
  }

  /** It is gone, and whoever is logged in to another unit is told. */
  remove(logicalUnit: LogicalUnit): void {
    for (const [lun, member] of this.#members) {
      if (member.logicalUnit === logicalUnit) this.#members.delete(lun);
    }
    this.#tell();
  }

  /** The unit whose NAA designator has these hexadecimal digits. */
  find(naa: string): Member | undefined {
    for (const member of this.#members.values()) {
      if (member.unit?.identity.naa === naa) return member;
    }
    return undefined;
  }

  /** Whether the unit is still there. */
  has(unit: Unit): boolean {
    for (const member of this.#members.values()) {
      if (member.unit === unit) return true;
    }
    return false;
  }

  /** The nexus knows the LUNs: it need not be told of a change, whichever unit it asked (SPC-4 section 6.33). */
  lunsReported(nexus: Nexus): void {
    for (const { unit } of this.#members.values()) {
      unit?.callers.get(nexus.id)?.attentions.clear(
        SenseCode.REPORTED_LUNS_DATA_HAS_CHANGED,
      );
    }
  }

  #tell(): void {
    for (const { unit } of this.#members.values()) {
      unit?.attention(SenseCode.REPORTED_LUNS_DATA_HAS_CHANGED);
    }
  }
}
