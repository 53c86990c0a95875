/** A small store and a small unit for this room's tests: bytes in memory that can be made to wait and to fail. */

import { u32 } from "../../base/bytes.ts";
import type { Clock } from "../../base/clock.ts";
import { VaultError } from "../../base/errors.ts";
import type { Extent } from "../../base/extent.ts";
import { silent } from "../../base/log.ts";
import type { Device } from "../../scsi/device.ts";
import type { LogicalUnit } from "../../scsi/logical_unit.ts";
import type { Nexus } from "../../scsi/nexus.ts";
import type { Erasure, Outcome, Plan } from "../../scsi/plan.ts";
import { Status } from "../../scsi/status.ts";
import type { Health, Maybe, Store } from "../../store/store.ts";
import { Volume } from "../volume.ts";

/** Bytes in memory. With `gate` set every access waits for that promise; with `broken` every access throws. */
export class FakeStore implements Store {
  readonly readOnly = false;
  readonly health: Health = { state: "ok" };
  readonly bytes: Uint8Array;
  /** What was asked, in order: `write 0+512`. */
  readonly calls: string[] = [];
  gate: (() => Promise<void>) | undefined;
  broken: ((what: string) => boolean) | undefined;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  get sizeBytes(): number {
    return this.bytes.length;
  }

  read(offset: number, into: Uint8Array): Maybe {
    return this.#access("read", { offset, length: into.length }, () => {
      into.set(this.bytes.subarray(offset, offset + into.length));
    });
  }

  write(offset: number, from: Uint8Array): Maybe {
    return this.#access("write", { offset, length: from.length }, () => {
      this.bytes.set(from, offset);
    });
  }

  unmap(extent: Extent): Maybe {
    return this.#access("unmap", extent, () => {
      this.bytes.fill(0, extent.offset, extent.offset + extent.length);
    });
  }

  async flush(): Promise<void> {
    await this.#access("flush", { offset: 0, length: 0 }, () => {});
  }

  nextMapped(offset: number): Extent | undefined {
    const at = this.bytes.findIndex((byte, i) => i >= offset && byte !== 0);
    if (at < 0) return undefined;
    const end = this.bytes.findIndex((byte, i) => i >= at && byte === 0);
    return { offset: at, length: (end < 0 ? this.bytes.length : end) - at };
  }

  allocatedBytes(): number {
    return this.bytes.length;
  }

  resize(_sizeBytes: number): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #access(what: string, extent: Extent, run: () => void): Maybe {
    this.calls.push(`${what} ${extent.offset}+${extent.length}`);
    if (this.broken?.(what)) throw new VaultError(`The ${what} failed`);
    if (!this.gate) return run();
    return this.gate().then(run);
  }
}

/** A unit of 512-byte blocks that knows READ(10), WRITE(10) with FUA, SYNCHRONIZE CACHE(10) and TEST UNIT READY. */
export class FakeUnit implements LogicalUnit {
  readonly log: string[] = [];
  /** What the next command plans instead. */
  next: Plan | undefined;

  #device: Device | undefined;

  appear(device: Device, lun: number): void {
    this.#device = device;
    device.add(lun, { logicalUnit: this });
  }
  disappear(): void {
    this.#device?.remove(this);
  }
  join(nexus: Nexus): void {
    this.log.push(`join ${nexus.initiatorPort}`);
  }
  leave(nexus: Nexus): void {
    this.log.push(`leave ${nexus.initiatorPort}`);
  }
  isRegistered(): boolean {
    return false;
  }
  plan(_nexus: Nexus, cdb: Uint8Array): Plan {
    const forced = this.next;
    if (forced) {
      this.next = undefined;
      return forced;
    }
    const extent = {
      offset: u32(cdb, 2) * 512,
      length: ((cdb[7]! << 8) | cdb[8]!) * 512,
    };
    switch (cdb[0]) {
      case 0x00:
        return { kind: "answer", outcome: { status: Status.GOOD } };
      case 0x28:
        return { kind: "read", extent };
      case 0x2a:
        return { kind: "write", extent, fua: (cdb[1]! & 8) !== 0 };
      case 0x35:
        return { kind: "flush", immediate: false };
      default:
        return { kind: "answer", outcome: checkCondition(0x05, 0x2000) };
    }
  }
  failure(_nexus: Nexus, during: "read" | "write" | "flush"): Outcome {
    return checkCondition(0x03, during === "read" ? 0x1100 : 0x0c00);
  }
  aborted(_nexus: Nexus, code: number): Outcome {
    return checkCondition(0x0b, code);
  }
  deferred(_nexus: Nexus, during: string): void {
    this.log.push(`deferred ${during}`);
  }
  refusal(): Outcome | undefined {
    return undefined;
  }
  interrupted(): Erasure | undefined {
    return undefined;
  }
  resized(sizeBytes: number): void {
    this.log.push(`resized ${sizeBytes}`);
  }
  reset(kind: string): void {
    this.log.push(`reset ${kind}`);
  }
  commandsCleared(nexus: Nexus): void {
    this.log.push(`cleared ${nexus.initiatorPort}`);
  }
}

/** CHECK CONDITION with fixed format sense data. */
export function checkCondition(key: number, code: number): Outcome {
  const sense = new Uint8Array(18);
  sense[0] = 0x70;
  sense[2] = key;
  sense[7] = 10;
  sense[12] = code >> 8;
  sense[13] = code & 0xff;
  return { status: Status.CHECK_CONDITION, sense };
}

/** A volume of `sizeBytes` over the two. */
export function fakeVolume(
  options: { sizeBytes: number; clock: Clock },
): { volume: Volume; store: FakeStore; unit: FakeUnit } {
  const store = new FakeStore(new Uint8Array(options.sizeBytes));
  const unit = new FakeUnit();
  const volume = new Volume({ unit, store, clock: options.clock, log: silent });
  return { volume, store, unit };
}

/** A clock that stands still until it is told to go on. */
export class ManualClock implements Clock {
  #nowMs = 0;
  readonly #timers = new Set<{ atMs: number; then: () => void }>();

  now(): number {
    return this.#nowMs;
  }

  monotonic(): number {
    return this.#nowMs;
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.after(ms, resolve));
  }

  after(ms: number, then: () => void): () => void {
    const timer = { atMs: this.#nowMs + ms, then };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Lets `ms` pass, timer by timer. */
  advance(ms: number): void {
    const end = this.#nowMs + ms;
    while (true) {
      const due = [...this.#timers].filter(({ atMs }) => atMs <= end)
        .sort((a, b) => a.atMs - b.atMs)[0];
      if (!due) break;
      this.#timers.delete(due);
      this.#nowMs = due.atMs;
      due.then();
    }
    this.#nowMs = end;
  }
}
