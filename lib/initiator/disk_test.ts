import { expect } from "expect";
import { putU32, putU64, u32, u64, utf8 } from "../base/bytes.ts";
import { duplexPair } from "../base/duplex_pair.ts";
import { decodeDataOut } from "../iscsi/pdu/data_out.ts";
import { encodeR2t } from "../iscsi/pdu/r2t.ts";
import { decodeScsiCommand } from "../iscsi/pdu/scsi_command.ts";
import { encodeSense } from "../iscsi/pdu/scsi_response.ts";
import { systemPrimitives } from "../os/primitives.ts";
import { openDisk, ScsiError } from "./disk.ts";
import { connectInitiator } from "./initiator.ts";
import { ScriptedTarget } from "./scripted_target.ts";
import { parseSense } from "./sense.ts";

const BLOCK = 512;

/** A small honest disk behind a scripted target: one command at a time, in memory. */
class MemoryDisk {
  readonly bytes: Uint8Array;
  readonly opcodes: number[] = [];
  attentions = 2;
  /** Takes or gives one byte less than asked for, and says GOOD. */
  short = false;

  constructor(readonly target: ScriptedTarget, blocks: number) {
    this.bytes = new Uint8Array(blocks * BLOCK);
  }

  async serve(): Promise<void> {
    for (;;) {
      const pdu = await this.target.next().catch(() => undefined);
      if (pdu === undefined) return;
      const command = decodeScsiCommand(pdu.bytes);
      this.target.expCmdSn = command.cmdSn + 1;
      this.target.maxCmdSn = command.cmdSn + 1;
      await this.#run(command.cdb.slice(), {
        tag: command.initiatorTaskTag,
        immediate: pdu.data.slice(),
      });
    }
  }

  async #run(
    cdb: Uint8Array,
    { tag, immediate }: { tag: number; immediate: Uint8Array },
  ): Promise<void> {
    this.opcodes.push(cdb[0]!);
    const at = u64(cdb, 2) * BLOCK;
    const length = u32(cdb, 10) * BLOCK;
    switch (cdb[0]) {
      case 0x00:
        return await (this.attentions-- > 0
          ? this.#fail(tag, 0x062900)
          : this.target.respond(tag));
      case 0x12: {
        const data = new Uint8Array(36).fill(0x20);
        data[0] = 0;
        data.set(utf8("VAULT"), 8);
        data.set(utf8("disk"), 16);
        data.set(utf8("1.0"), 32);
        return await this.#read(tag, data);
      }
      case 0x9e: {
        const data = new Uint8Array(32);
        putU64(data, 0, this.bytes.length / BLOCK - 1);
        putU32(data, 8, BLOCK);
        return await this.#read(tag, data);
      }
      case 0x88:
        if (at + length > this.bytes.length) {
          return await this.#fail(tag, 0x052100);
        }
        return await this.#read(
          tag,
          this.bytes.subarray(at, at + length - (this.short ? 1 : 0)),
        );
      case 0x8a:
        this.bytes.set(immediate, at);
        await this.#rest(tag, { at, from: immediate.length, length });
        return await this.target.respond(tag, { underflow: this.short });
      default:
        return await this.target.respond(tag);
    }
  }

  async #rest(
    tag: number,
    range: { at: number; from: number; length: number },
  ): Promise<void> {
    const { at, from, length } = range;
    if (from === length) return;
    await this.target.send(encodeR2t, {
      lun: new Uint8Array(8),
      initiatorTaskTag: tag,
      targetTransferTag: 1,
      statSn: this.target.statSn,
      expCmdSn: this.target.expCmdSn,
      // The next command has to wait for the end of this one.
      maxCmdSn: this.target.maxCmdSn - 1,
      r2tSn: 0,
      bufferOffset: from,
      desiredDataTransferLength: length - from,
    });
    for (let end = false; !end;) {
      const pdu = (await this.target.next())!;
      const out = decodeDataOut(pdu.bytes);
      this.bytes.set(pdu.data, at + out.bufferOffset);
      end = out.final;
    }
  }

  #read(tag: number, data: Uint8Array): Promise<void> {
    return this.target.dataIn(tag, {
      data,
      bufferOffset: 0,
      dataSn: 0,
      last: true,
    });
  }

  /** CHECK CONDITION with sense key and code. */
  #fail(tag: number, sense: number): Promise<void> {
    const fixed = new Uint8Array(18);
    fixed[0] = 0x70;
    fixed[2] = sense >> 16;
    fixed[12] = sense >> 8;
    fixed[13] = sense;
    const data = new Uint8Array(20);
    encodeSense(fixed, data, 0);
    return this.target.respond(tag, { status: 2, data });
  }
}

async function opened(blocks: number) {
  const [near, far] = duplexPair();
  const target = new ScriptedTarget(far);
  const [session] = await Promise.all([
    connectInitiator({
      duplex: near,
      primitives: systemPrimitives,
      initiatorName: "iqn.1994-05.example:laptop",
      targetName: "iqn.2024-01.example:photos",
    }),
    // One command at a time, with a small first burst, keeps the memory disk simple.
    target.accept({
      primitives: systemPrimitives,
      windowCommands: 1,
      offer: { initialR2T: true, firstBurstLength: 4096 },
    }),
  ]);
  const memory = new MemoryDisk(target, blocks);
  const served = memory.serve();
  const disk = await openDisk(session);
  return {
    disk,
    memory,
    async end() {
      session.abort();
      await served;
      await session.closed;
    },
  };
}

Deno.test("disk: opens past unit attentions, and tells what it is", async () => {
  const { disk, memory, end } = await opened(2048);
  expect(disk.capacity).toEqual({ blocks: 2048, blockSizeBytes: BLOCK });
  expect(memory.opcodes).toEqual([0, 0, 0, 0x9e]);
  expect(await disk.inquiry()).toEqual({
    deviceType: 0,
    vendor: "VAULT",
    product: "disk",
    revision: "1.0",
  });
  await end();
});

Deno.test("disk: what was written is read back, over several commands", async () => {
  const { disk, memory, end } = await opened(4096);
  const bytes = Uint8Array.from(
    { length: 600 * 1024 },
    (_, i) => (i * 31 + (i >> 9)) & 0xff,
  );
  // A view that does not begin where its buffer does.
  const whole = new Uint8Array(bytes.length + 100);
  whole.set(bytes, 100);
  await disk.write(7, whole.subarray(100));
  await disk.flush();
  expect(await disk.read(7, bytes.length / BLOCK)).toEqual(bytes);
  expect(memory.bytes.subarray(7 * BLOCK, 7 * BLOCK + bytes.length)).toEqual(
    bytes,
  );
  const { opcodes } = memory;
  expect(opcodes.filter((opcode) => opcode === 0x8a).length).toBe(3);
  expect(opcodes.indexOf(0x91)).toBeGreaterThan(opcodes.lastIndexOf(0x8a));
  await end();
});

Deno.test("disk: failures carry their sense", async () => {
  const { disk, end } = await opened(16);
  const thrown = await disk.read(10, 7).catch((error) => error);
  expect(thrown).toBeInstanceOf(ScsiError);
  expect(thrown).toMatchObject({ status: 2, sense: { key: 5, code: 0x2100 } });
  expect(thrown.message).toBe("READ failed: sense key 0x5, code 0x2100");
  await expect(disk.write(0, new Uint8Array(100))).rejects.toThrow(RangeError);
  await end();
});

Deno.test("disk: GOOD with less than all is a failure", async () => {
  const { disk, memory, end } = await opened(16);
  memory.short = true;
  await expect(disk.read(0, 1)).rejects.toThrow("all that was asked for");
  await expect(disk.write(0, new Uint8Array(BLOCK))).rejects.toThrow(
    "all that was given",
  );
  await end();
});

Deno.test("sense: both formats, and too little of either", () => {
  const fixed = new Uint8Array(18);
  fixed.set([0x70, 0, 6, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x29, 0x01]);
  expect(parseSense(fixed)).toEqual({ key: 6, code: 0x2901 });
  expect(parseSense(fixed.subarray(0, 8))).toEqual({ key: 6, code: 0 });
  expect(parseSense(Uint8Array.of(0x72, 5, 0x24, 0))).toEqual({
    key: 5,
    code: 0x2400,
  });
  expect(parseSense(Uint8Array.of(0x72, 5))).toBe(undefined);
  expect(parseSense(new Uint8Array(0))).toBe(undefined);
});
