/**
 * What answers at a LUN where there is nothing (SAM-5 section 4.7.6): INQUIRY says so, REPORT LUNS tells where there is something,
 * REQUEST SENSE explains, and everything else is refused.
 */

import { u16, u32 } from "../base/bytes.ts";
import { lunList } from "./cdb/report_luns.ts";
import { dataIn } from "./command.ts";
import { Device } from "./device.ts";
import type { LogicalUnit } from "./logical_unit.ts";
import type { Nexus } from "./nexus.ts";
import { Opcode } from "./opcode.ts";
import type { Outcome, Plan } from "./plan.ts";
import { encodeSense } from "./sense.ts";
import { SenseCode, SenseKey } from "./sense_code.ts";
import { Status } from "./status.ts";

const EVPD = 0x01;
const DESC = 0x01;
/** PERIPHERAL QUALIFIER 011b, PERIPHERAL DEVICE TYPE 1Fh: nothing can be here. */
const NO_DEVICE = 0x7f;
const SPC_4 = 0x06;
const RESPONSE_DATA_FORMAT = 0x02;
const MIN_REPORT_LUNS_BYTES = 16;
const SELECT_WELL_KNOWN = 1;
const SELECT_ALL = 2;

/** It has no state: joining and resets mean nothing to it. */
export class NoUnit implements LogicalUnit {
  readonly #device: Device;

  /** `device`: that which has no unit there. */
  constructor(device = new Device()) {
    this.#device = device;
  }

  plan(nexus: Nexus, cdb: Uint8Array): Plan {
    switch (cdb[0]) {
      case Opcode.INQUIRY:
        return this.#inquiry(cdb);
      case Opcode.REPORT_LUNS:
        return this.#reportLuns(nexus, cdb);
      case Opcode.REQUEST_SENSE:
        return dataIn(
          encodeSense(NOT_SUPPORTED, (cdb[1]! & DESC) !== 0),
          cdb[4] ?? 0,
        );
      default:
        return { kind: "answer", outcome: check(NOT_SUPPORTED) };
    }
  }

  failure(): Outcome {
    return check(NOT_SUPPORTED);
  }

  refusal(): Outcome | undefined {
    return undefined;
  }

  interrupted(): undefined {
    return undefined;
  }

  deferred(): void {}

  aborted(_nexus: Nexus, code: number): Outcome {
    return check({ key: SenseKey.ABORTED_COMMAND, code });
  }

  appear(): void {}
  disappear(): void {}
  join(): void {}
  leave(): void {}

  isRegistered(): boolean {
    return false;
  }

  resized(): void {}
  reset(): void {}
  commandsCleared(): void {}

  #inquiry(cdb: Uint8Array): Plan {
    // No vital product data of nothing.
    if ((cdb[1]! & EVPD) !== 0 || cdb[2] !== 0) return invalidField();
    const data = new Uint8Array(36);
    data[0] = NO_DEVICE;
    data[2] = SPC_4;
    data[3] = RESPONSE_DATA_FORMAT;
    data[4] = data.length - 5;
    data.fill(0x20, 8);
    return dataIn(data, u16(cdb, 3));
  }

  #reportLuns(nexus: Nexus, cdb: Uint8Array): Plan {
    const length = u32(cdb, 6);
    const select = cdb[2]!;
    if (select > SELECT_ALL || length < MIN_REPORT_LUNS_BYTES) {
      return invalidField();
    }
    this.#device.lunsReported(nexus);
    const luns = select === SELECT_WELL_KNOWN ? [] : this.#device.luns;
    return dataIn(lunList(luns), length);
  }
}

const NOT_SUPPORTED = {
  key: SenseKey.ILLEGAL_REQUEST,
  code: SenseCode.LOGICAL_UNIT_NOT_SUPPORTED,
};

function invalidField(): Plan {
  const code = SenseCode.INVALID_FIELD_IN_CDB;
  return {
    kind: "answer",
    outcome: check({ key: SenseKey.ILLEGAL_REQUEST, code }),
  };
}

/** In fixed format: there is no control mode page that asks for another. */
function check(sense: { key: number; code: number }): Outcome {
  return { status: Status.CHECK_CONDITION, sense: encodeSense(sense, false) };
}
