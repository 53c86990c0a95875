/** A simulated node with a volume in a bucket: a disk, a clock and a process of its own, which can be stopped, killed, and robbed of its disk. */

import type { Clock } from "../../lib/base/clock.ts";
import { MediaError } from "../../lib/base/media_error.ts";
import { VaultError } from "../../lib/base/errors.ts";
import type { Bucket } from "../../lib/bucket/bucket.ts";
import { BucketLayer } from "../../lib/bucket/bucket_layer.ts";
import { RetryingBucket } from "../../lib/bucket/retrying_bucket.ts";
import {
  HurriedClock,
  seededRandom,
  uncertain,
} from "../../lib/bucket/testing/faults.ts";
import { BucketDisk } from "../../lib/daemon/bucket_disk.ts";
import { CrashDisk } from "../../lib/journal/testing/crash_disk.ts";
import {
  type BucketVolume,
  openBucketVolume,
} from "../../lib/store/segmented/bucket_volume.ts";
import type { Pin } from "../../lib/store/segmented/segment_row.ts";
import { keys } from "../../lib/store/segmented/testing/volumes.ts";
import { openJournal } from "../../lib/store/testing/journaled.ts";
import type { Dice } from "../fuzz/dice.ts";

export const SECTOR_BYTES = 512;
export const SECTORS = 24;
const UNLIMITED = {
  ...{ uploadedBytes: 0, downloadedBytes: 0, requests: 0, errors: 0 },
  ...{ inFlight: 0, waiting: 0 },
  ...{ uploadLimit: undefined, downloadLimit: undefined },
};

/** Time that passes when the dice say so. What it sets off happens in the turns that the world gives to all. */
class TurnClock implements Clock {
  #nowMs = 0;
  #timers: { readonly atMs: number; readonly then: () => void }[] = [];

  now(): number {
    return Date.UTC(2026, 10, 27) + this.#nowMs;
  }
  monotonic(): number {
    return this.#nowMs;
  }
  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (ms <= 0) return await undefined;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const cancel = this.after(ms, resolve);
    signal?.addEventListener("abort", () => {
      cancel();
      reject(signal.reason);
    });
    return await promise;
  }
  after(ms: number, then: () => void): () => void {
    const timer = { atMs: this.#nowMs + ms, then };
    this.#timers.push(timer);
    return () => this.#timers = this.#timers.filter((other) => other !== timer);
  }
  pass(ms: number): void {
    this.#nowMs += ms;
    const due = this.#timers.filter(({ atMs }) => atMs <= this.#nowMs);
    this.#timers = this.#timers.filter((timer) => !due.includes(timer));
    for (const { then } of due) then();
  }
}

/** Holds up whoever comes, as long as it is shut. */
class Gate {
  #shut: PromiseWithResolvers<void> | undefined;

  get isShut(): boolean {
    return this.#shut !== undefined;
  }

  shut(): void {
    this.#shut ??= Promise.withResolvers();
  }

  open(): void {
    this.#shut?.resolve();
    this.#shut = undefined;
  }

  async pass(): Promise<void> {
    while (this.#shut) await this.#shut.promise;
  }
}

/** One life of a node, from its start to its end. What of it still runs afterwards reaches nothing any more. */
class Process {
  #alive = true;
  /** Shut by SIGSTOP. What it has asked for is done; it hears of nothing, and asks for nothing. */
  readonly going = new Gate();
  /** While it is shut, what is asked for is done, and the answers are a long time on their way. */
  readonly hearing = new Gate();

  get alive(): boolean {
    return this.#alive;
  }

  /** SIGKILL. */
  kill(): void {
    this.#alive = false;
    this.hearing.open();
    this.going.open();
  }

  async answer(): Promise<void> {
    await this.hearing.pass();
    await this.turn();
  }

  async turn(): Promise<void> {
    await this.going.pass();
    if (!this.#alive) throw new VaultError("The process is dead");
  }
}

/** What of the next request is lost on the way. */
type Line = () => "request" | "answer" | undefined;

/** The bucket as a process reaches it. */
class Reached extends BucketLayer {
  readonly #process: Process;
  readonly #line: Line;

  constructor(inner: Bucket, process: Process, line: Line) {
    super(inner);
    this.#process = process;
    this.#line = line;
  }
  protected async ask<T>(act: () => Promise<T>): Promise<T> {
    await this.#process.turn();
    const lost = this.#line();
    if (lost === "request") throw uncertain("no answer");
    const answer = await act().finally(() => this.#process.answer());
    if (lost === "answer") throw uncertain("no answer");
    return answer;
  }
}

/** What is in each sector: the number of the write that was there last, 0 before the first. */
export type Cells = readonly number[];

/** A volume that is open on a node. */
export interface Open {
  readonly disk: BucketDisk;
  readonly volume: BucketVolume;
  readonly epoch: number;
  /** What was in it when it was opened; undefined where something of it could not be read. */
  readonly cells: Cells | undefined;
  /** Why it was lost, once it is told. */
  lost: string | undefined;
}

export class BucketNode {
  readonly name: string;
  readonly #bucket: Bucket;
  readonly #dice: Dice;
  #disk: CrashDisk;
  #pin: Pin | undefined;
  #process = new Process();
  clock = new TurnClock();
  open: Open | undefined;
  opening = false;
  /** Its line to the bucket is down. */
  isCutOff = false;

  constructor(
    name: string,
    options: { readonly bucket: Bucket; readonly dice: Dice },
  ) {
    this.name = name;
    this.#bucket = options.bucket;
    this.#dice = options.dice;
    this.#disk = new CrashDisk(this.#dice);
  }

  get isStopped(): boolean {
    return this.#process.going.isShut;
  }

  get isDeaf(): boolean {
    return this.#process.hearing.isShut;
  }

  /** Whether it has ever had the volume, and has its disk yet. */
  get remembers(): boolean {
    return this.#pin !== undefined;
  }

  stop(): void {
    this.#process.going.shut();
  }

  wake(): void {
    this.#process.going.open();
  }

  deafen(): void {
    this.#process.hearing.shut();
  }

  hear(): void {
    this.#process.hearing.open();
  }

  /** The process ends, and what of its disk was not stable may be lost. */
  kill(): void {
    this.#process.kill();
    this.open = undefined;
    this.opening = false;
    this.#disk = this.#disk.survivor();
  }

  /** All that it remembers is lost. It does not run. */
  forget(): void {
    this.#disk = new CrashDisk(this.#dice);
    this.#pin = undefined;
  }

  /** Opens the volume with what it remembers. Nothing comes of it where it is killed meanwhile. */
  async start(seed: number, opened: (open: Open) => void): Promise<void> {
    const process = this.#process = new Process();
    const clock = this.clock = new TurnClock();
    this.opening = true;
    const line: Line = () =>
      this.isCutOff ? this.#dice.of(["request", "answer"]) : undefined;
    try {
      const bucket = new RetryingBucket(
        new Reached(this.#bucket, process, line),
        {
          clock: new HurriedClock(),
          primitives: seededRandom(seed),
        },
      );
      const journal = await openJournal(this.#disk.folder("journal"), {
        ...{ fileBytes: 48 * SECTOR_BYTES, maxFiles: 4 },
      });
      const volume = await openBucketVolume({
        ...{ bucket, keys, journal, clock, cache: undefined },
        ...{ pin: this.#pin, checkpointEvery: 3, idleMs: 2000 },
        keepPin: (pin) => {
          if (process.alive) this.#pin = pin;
        },
      });
      const { epoch } = volume.row.end;
      const disk = new BucketDisk({
        clock,
        document: {
          ...{ name: "disk", sizeBytes: SECTORS * SECTOR_BYTES },
          bucket: { url: "s3://b", cacheBytes: 0, journalBytes: 0 },
        },
      }, {
        ...{ volume, journal },
        reach: {
          bucket,
          elsewhere: () => bucket,
          counters: () => UNLIMITED,
          limit: () => {},
        },
        cache: undefined,
        tries: { why: () => undefined },
      });
      const cells = await cellsOf(volume).catch((thrown) => {
        if (thrown instanceof MediaError) return undefined;
        throw thrown;
      });
      if (!process.alive) return;
      const open: Open = { disk, volume, epoch, cells, lost: undefined };
      disk.watch((why) => open.lost = why);
      this.open = open;
      opened(open);
    } catch (thrown) {
      if (process.alive) throw thrown;
    } finally {
      if (process === this.#process) this.opening = false;
    }
  }
}

/** All that is in a volume. @throws where a sector is nobody's, or half of one write and half of another */
export async function cellsOf({ store }: BucketVolume): Promise<Cells> {
  const bytes = new Uint8Array(store.sizeBytes);
  await store.read(0, bytes);
  const numbers = new Uint32Array(bytes.buffer);
  const perSector = SECTOR_BYTES / 4;
  return Array.from({ length: SECTORS }, (_, sector) => {
    const at = sector * perSector;
    const cell = numbers.subarray(at, at + perSector);
    if (cell.some((one) => one !== cell[0])) {
      throw new Error(`Sector ${sector} is torn`);
    }
    return cell[0]!;
  });
}

export function sectorsOf(number: number, sectors: number): Uint8Array {
  const words = new Uint32Array(sectors * SECTOR_BYTES / 4).fill(number);
  return new Uint8Array(words.buffer);
}
