/**
 * The audit log: who attached, was refused, fenced, shut out, and when. Lines of JSON in files of the state folder, rotated by size.
 *
 * What matters must not be pushed out by noise. So there are two files: what anyone can bring about who reaches a port stands in one, and
 * what enrolled devices and persons do in the other. In both, each kind of line of each device has a budget; beyond it lines are counted,
 * and the count is told. What a person does is always told.
 *
 * A line is handed to the system whole before the next one, and survives `kill -9`. It is not synced: a power cut takes the last ones.
 */

import {
  type Audit,
  AUDIT_KINDS,
  type AuditEvent,
  type AuditSource,
} from "../base/audit.ts";
import type { Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { makeFolder } from "../os/file.ts";
import { AuditBudgets } from "./audit_budgets.ts";
import { RotatedFile, type Rotation } from "./rotated_file.ts";

/** 16 MiB of each: a kind whose budget is used up all the time takes four weeks to fill that. */
export const AUDIT_ROTATION: Rotation = { maxBytes: 1024 * 1024, files: 16 };

/** How often what was left out is told, and how often at most that lines cannot be written. */
export const LEFT_OUT_MS = 60_000;
export const COMPLAINT_MS = 600_000;

/** Longer texts are cut. A peer can choose some of them. */
const MAX_TEXT = 512;

/** Where an audit log's lines go. */
export interface AuditPlace {
  readonly folder: string;
  readonly file: string;
  /** What anyone can bring about, where that has a file of its own. */
  readonly strangersFile?: string;
}

export interface AuditLogOptions {
  readonly place: AuditPlace;
  readonly clock: Clock;
  /** Told where lines cannot be written. */
  readonly log: Log;
  readonly rotation?: Rotation;
}

/** Lines of the general log, as warnings where somebody was kept out. */
export function auditTo(log: Log): Audit {
  return ({ kind, ...facts }) => {
    const quiet = kind === "link up" || kind === "link end" ||
      kind === "joined" || kind === "renewed";
    if (quiet) log.info(kind, facts);
    else log.warn(kind, facts);
  };
}

interface Sheet {
  readonly file: RotatedFile;
  /** Lines that could not be written. */
  missed: number;
}

export class AuditLog {
  readonly #options: AuditLogOptions;
  readonly #own: Sheet;
  readonly #strangers: Sheet;
  readonly #budgets: AuditBudgets;
  #complainedMs = -Infinity;
  #stopTimer: (() => void) | undefined;
  #closed = false;

  constructor(options: AuditLogOptions) {
    this.#options = options;
    const { place, rotation = AUDIT_ROTATION } = options;
    const sheet = (path: string) => ({
      file: new RotatedFile(path, rotation),
      missed: 0,
    });
    const { file, strangersFile } = place;
    this.#own = sheet(file);
    this.#strangers = strangersFile === undefined
      ? this.#own
      : sheet(strangersFile);
    this.#budgets = new AuditBudgets(options.clock);
  }

  /** Never throws: what cannot be written is counted, and told when it can. */
  readonly tell: Audit = (event) => {
    if (this.#closed) return;
    const source = sourceOf(event);
    if (source === "person" || this.#budgets.spend(event)) this.#write(event);
    else this.#tellLeftOutLater();
  };

  /** Tells what was left out, and lets go of the files. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#stopTimer?.();
    this.#tellLeftOut();
    for (const { file } of [this.#own, this.#strangers]) file.close();
  }

  #tellLeftOutLater(): void {
    this.#stopTimer ??= this.#options.clock.after(LEFT_OUT_MS, () => {
      this.#stopTimer = undefined;
      this.#tellLeftOut();
    });
  }

  #tellLeftOut(): void {
    for (const event of this.#budgets.takeLeftOut()) this.#write(event);
  }

  #write(event: AuditEvent): void {
    const sheet = sourceOf(event) === "anyone" ? this.#strangers : this.#own;
    try {
      makeFolder(this.#options.place.folder);
      this.#tellMissed(sheet);
      sheet.file.append(this.#lineOf(event));
    } catch (thrown) {
      sheet.missed++;
      this.#complain(thrown);
    }
  }

  #tellMissed(sheet: Sheet): void {
    const { missed } = sheet;
    if (missed === 0) return;
    sheet.file.append(this.#lineOf({
      kind: "gap",
      leftOut: missed,
      reason: `${missed} lines could not be written here`,
    }));
    sheet.missed = 0;
  }

  #complain(thrown: unknown): void {
    const { clock, log } = this.#options;
    const now = clock.monotonic();
    if (now - this.#complainedMs < COMPLAINT_MS) return;
    this.#complainedMs = now;
    log.error(`The audit log has gaps from now on: ${messageOf(thrown)}`);
  }

  #lineOf(event: AuditEvent): string {
    const time = new Date(this.#options.clock.now()).toISOString();
    const facts = Object.entries(event).map(([name, value]) => [
      name,
      typeof value === "string" ? value.slice(0, MAX_TEXT) : value,
    ]);
    return escaped(JSON.stringify({ time, ...Object.fromEntries(facts) }));
  }
}

function sourceOf({ kind }: AuditEvent): AuditSource {
  return AUDIT_KINDS[kind];
}

/** JSON escapes control characters below 20h. The others, and those that turn the writing around, must not reach a terminal either. */
function escaped(json: string): string {
  return json.replace(
    /[\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
