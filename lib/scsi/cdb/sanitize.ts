/**
 * SANITIZE (SBC-3 section 5.17): what the volume ever held cannot be read from it any more. BLOCK ERASE overwrites what it holds and gives the
 * space back; OVERWRITE writes a pattern. CRYPTOGRAPHIC ERASE needs a key of the volume, of which there is none.
 *
 * Below is a file: its file system and its medium may have copies of what was written before, which no overwriting reaches.
 */

import { u16 } from "../../base/bytes.ts";
import { type Command, mask } from "../command.ts";
import type { ErasureAsk } from "../erasure.ts";
import { Opcode, Sanitize } from "../opcode.ts";
import type { Outcome, Plan } from "../plan.ts";
import { SenseCode, SenseKey } from "../sense_code.ts";
import { type Caller, GOOD, type Unit } from "../unit.ts";

const row = {
  opcode: Opcode.SANITIZE,
  access: "write",
  mutates: true,
  needs: "blank",
  feature: "erasable",
} as const;

const IMMED = 0x80;
/** Allow unrestricted sanitize exit. */
const AUSE = 0x20;
/** PARAMETER LIST LENGTH. */
const LENGTH_AT = 7;

const overwrite: Command = {
  ...row,
  name: "SANITIZE, OVERWRITE",
  serviceAction: Sanitize.OVERWRITE,
  mask: mask("ff bf 0000000000 ffff 00"),
  plan: (cdb, caller, dataOutBytes) => {
    const { unit } = caller;
    const length = u16(cdb, LENGTH_AT);
    const most = HEADER_BYTES + unit.blockSizeBytes;
    const fits = length > HEADER_BYTES && length <= most;
    if (!fits || (dataOutBytes !== undefined && dataOutBytes < length)) {
      return unit.invalidField(LENGTH_AT);
    }
    const asked = flagsOf(cdb);
    return {
      kind: "data-out",
      length,
      then: (list) => take(caller, list.subarray(0, length), asked),
    };
  },
};

const blockErase: Command = {
  ...row,
  name: "SANITIZE, BLOCK ERASE",
  serviceAction: Sanitize.BLOCK_ERASE,
  mask: mask("ff bf 0000000000 0000 00"),
  plan: (cdb, caller) => {
    const { immediate, unrestrictedExit } = flagsOf(cdb);
    return sanitize(caller, {
      ask: { method: { kind: "block-erase" }, unrestrictedExit },
      immediate,
    });
  },
};

/** After a sanitizing that failed, where that had been allowed. Without one there is nothing to leave. */
const exitFailureMode: Command = {
  ...row,
  name: "SANITIZE, EXIT FAILURE MODE",
  serviceAction: Sanitize.EXIT_FAILURE_MODE,
  mask: mask("ff 9f 0000000000 0000 00"),
  plan: (_cdb, { unit }) => {
    try {
      return unit.medium.exitFailureMode() ? GOOD : unit.invalidField(1);
    } catch {
      return unit.check(FAILED);
    }
  },
};

/** By service action. */
export const sanitizes: readonly Command[] = [
  overwrite,
  blockErase,
  exitFailureMode,
];

const FAILED = {
  key: SenseKey.MEDIUM_ERROR,
  code: SenseCode.SANITIZE_COMMAND_FAILED,
};

const HEADER_BYTES = 4;
const INVERT = 0x80;
/** Nothing that is done differently for a test. */
const TEST = 0x60;
const OVERWRITE_COUNT = 0x1f;

interface Flags {
  readonly immediate: boolean;
  readonly unrestrictedExit: boolean;
}

function flagsOf(cdb: Uint8Array): Flags {
  return {
    immediate: (cdb[1]! & IMMED) !== 0,
    unrestrictedExit: (cdb[1]! & AUSE) !== 0,
  };
}

/** SBC-3 table 84. */
function take(caller: Caller, list: Uint8Array, asked: Flags): Plan {
  const { unit } = caller;
  const flags = list[0]!;
  const count = flags & OVERWRITE_COUNT;
  if ((flags & TEST) !== 0 || count === 0) return unit.invalidParameter(0);
  if (list[1] !== 0) return unit.invalidParameter(1);
  const length = u16(list, 2);
  const most = Math.min(unit.blockSizeBytes, list.length - HEADER_BYTES);
  if (length === 0 || length > most) return unit.invalidParameter(2);
  const initial = list.subarray(HEADER_BYTES, HEADER_BYTES + length);
  return sanitize(caller, {
    ask: {
      method: {
        kind: "overwrite",
        pattern: filled(initial, unit),
        count,
        invert: (flags & INVERT) !== 0,
      },
      unrestrictedExit: asked.unrestrictedExit,
    },
    immediate: asked.immediate,
  });
}

/** A block of the pattern, over and over and cut at the end. */
function filled(pattern: Uint8Array, unit: Unit): Uint8Array {
  const block = new Uint8Array(unit.blockSizeBytes);
  for (let at = 0; at < block.length; at += pattern.length) {
    block.set(pattern.subarray(0, block.length - at), at);
  }
  return block;
}

function sanitize(
  caller: Caller,
  what: { readonly ask: ErasureAsk; readonly immediate: boolean },
): Plan {
  const failure = () => caller.unit.check(FAILED).outcome;
  return beginErasure(caller, { ...what, failure });
}

/** The plan of an erasure; while data came for it another may have begun. */
export function beginErasure(
  { unit }: Caller,
  what: {
    readonly ask: ErasureAsk;
    readonly immediate: boolean;
    /** How the command ends where it fails. */
    readonly failure: () => Outcome;
  },
): Plan {
  const obstacle = unit.medium.obstacle("blank");
  if (obstacle) return unit.check(obstacle);
  return {
    kind: "erase",
    erasure: unit.medium.erasure(what.ask, what.failure),
    immediate: what.immediate,
  };
}
