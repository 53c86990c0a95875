/** Reads the audit logs of a state folder, while their writers write and rotate: the node's, and those of its attachments. */

import * as v from "valibot";
import { AUDIT_KINDS, type AuditKind } from "../base/audit.ts";
import { listFolder } from "../os/file.ts";
import { join } from "../os/paths.ts";
import { type LogPart, readLog } from "../os/log_file.ts";
import { AUDIT_ROTATION } from "./audit_log.ts";
import { rotatedPaths } from "./rotated_file.ts";
import { AUDIT_SUFFIX, type StateFolder } from "./state_folder.ts";

const NEWLINE = 0x0a;

const Text = v.exactOptional(v.string());

/** A line as it was read. A newer vault may have kinds that this one does not know. */
const AuditLine = v.looseObject({
  time: v.pipe(v.string(), v.isoTimestamp()),
  kind: v.string(),
  device: Text,
  fingerprint: Text,
  address: Text,
  reason: Text,
  volume: Text,
  initiator: Text,
  leftOut: v.exactOptional(v.number()),
});
export type AuditLine = v.InferOutput<typeof AuditLine>;

/** All kinds that there are, for those who choose one. */
export const AUDIT_KIND_NAMES = Object.keys(AUDIT_KINDS) as AuditKind[];

/** What has come since the last look. */
export interface AuditNews {
  /** In the order of their times. */
  readonly lines: readonly AuditLine[];
  /** How many could not be read: halves that a crash left. */
  readonly unreadable: number;
}

export class AuditReader {
  readonly #state: StateFolder;
  /** How far each file was read, by its id, which it keeps when it gets another name. */
  #read = new Map<string, number>();

  constructor(state: StateFolder) {
    this.#state = state;
  }

  /** @throws {VaultError} where a file is there and cannot be read */
  next(): AuditNews {
    const lines: AuditLine[] = [];
    let unreadable = 0;
    // Files that are gone give their ids to others.
    const read = new Map<string, number>();
    for (const path of this.#paths()) {
      for (const text of this.#newText(path, read)) {
        const line = lineOf(text);
        if (line) lines.push(line);
        else unreadable++;
      }
    }
    this.#read = read;
    // Of two lines of one moment, the one that was read first stays first.
    lines.sort((a, b) => a.time < b.time ? -1 : a.time > b.time ? 1 : 0);
    return { lines, unreadable };
  }

  #paths(): readonly string[] {
    const { nodeAudit, attachmentAudits } = this.#state;
    const attachments = listFolder(attachmentAudits)
      .filter((name) => name.endsWith(AUDIT_SUFFIX))
      .map((name) => join(attachmentAudits, name));
    return [nodeAudit.strangersFile, nodeAudit.file, ...attachments];
  }

  /** Whole lines that were not read before, the oldest first. */
  #newText(path: string, read: Map<string, number>): readonly string[] {
    // From the newest on: what is renamed meanwhile is met again further on, and known by its id.
    const parts: LogPart[] = [];
    for (const name of rotatedPaths(path, AUDIT_ROTATION.files)) {
      const offsetOf = (id: string) => read.get(id) ?? this.#read.get(id) ?? 0;
      const part = readLog(name, offsetOf);
      if (!part) continue;
      const whole = part.bytes.lastIndexOf(NEWLINE) + 1;
      read.set(part.id, offsetOf(part.id) + whole);
      parts.unshift({ ...part, bytes: part.bytes.subarray(0, whole) });
    }
    return parts.flatMap(({ bytes }) =>
      new TextDecoder().decode(bytes).split("\n")
    ).filter((text) => text !== "");
  }
}

function lineOf(text: string): AuditLine | undefined {
  try {
    const result = v.safeParse(AuditLine, JSON.parse(text));
    return result.success ? result.output : undefined;
  } catch {
    return undefined;
  }
}
