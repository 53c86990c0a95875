import { expect } from "expect";
import { AUDIT_KINDS, type AuditEvent } from "../base/audit.ts";
import type { Clock } from "../base/clock.ts";
import { type Log, silent } from "../base/log.ts";
import { TempDir } from "../../tests/harness/temp_dir.ts";
import {
  LINE_EVERY_MS,
  MAX_BUDGETS,
  MAX_LINES_AT_ONCE,
} from "./audit_budgets.ts";
import { AuditLog, COMPLAINT_MS, LEFT_OUT_MS } from "./audit_log.ts";
import { type AuditLine, AuditReader } from "./audit_reader.ts";
import { StateFolder } from "./state_folder.ts";

/** Time that passes when told to. */
class TestClock implements Clock {
  ms = Date.parse("2026-11-22T12:00:00Z");
  #timers = new Set<{ at: number; then: () => void }>();
  now = () => this.ms;
  monotonic = () => this.ms;
  sleep = () => Promise.reject(new Error("nobody sleeps here"));
  after = (ms: number, then: () => void) => {
    const timer = { at: this.ms + ms, then };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  };
  pass(ms: number): void {
    this.ms += ms;
    for (const timer of this.#timers) {
      if (timer.at > this.ms) continue;
      this.#timers.delete(timer);
      timer.then();
    }
  }
}

function withLog(
  test: (parts: {
    log: AuditLog;
    clock: TestClock;
    folder: StateFolder;
    lines: () => readonly AuditLine[];
    said: string[];
  }) => void,
  rotation?: { maxBytes: number; files: number },
): void {
  using dir = new TempDir();
  const folder = new StateFolder(dir.path);
  const clock = new TestClock();
  const said: string[] = [];
  const general: Log = {
    ...silent,
    error: (message) => void said.push(message),
  };
  const log = new AuditLog({
    place: folder.nodeAudit,
    clock,
    log: general,
    ...(rotation ? { rotation } : {}),
  });
  try {
    test({
      log,
      clock,
      folder,
      said,
      lines: () => new AuditReader(folder).next().lines,
    });
  } finally {
    log.close();
  }
}

Deno.test("what was told is read back, with its time, and nobody else may read it", () =>
  withLog(({ log, clock, folder, lines }) => {
    const event: AuditEvent = {
      kind: "tampered",
      device: "laptop",
      fingerprint: "ab",
      address: "192.0.2.7:4711",
      reason: "record 17: a wrong MAC",
    };
    log.tell(event);
    clock.pass(1000);
    log.tell({ kind: "refused", address: "192.0.2.9:1" });
    expect(lines()).toEqual([
      { time: "2026-11-22T12:00:00.000Z", ...event },
      {
        time: "2026-11-22T12:00:01.000Z",
        kind: "refused",
        address: "192.0.2.9:1",
      },
    ]);
    const { file, strangersFile } = folder.nodeAudit;
    for (const path of [file, strangersFile]) {
      expect((Deno.statSync(path).mode ?? 0) & 0o777).toBe(0o600);
    }
  }));

Deno.test("strangers who come by the million push out nothing that a device or a person did, and are counted", () =>
  withLog(({ log, clock, lines }) => {
    log.tell({ kind: "revoked", device: "old" });
    log.tell({ kind: "attached", device: "laptop", volume: "photos" });
    const strangers = Object.entries(AUDIT_KINDS)
      .filter(([, source]) => source === "anyone")
      .map(([kind]) => kind as AuditEvent["kind"]);
    expect(strangers.length).toBeGreaterThan(2);
    const count = 100_000;
    for (let n = 0; n < count; n++) {
      for (const kind of strangers) {
        log.tell({ kind, address: `198.51.100.${n % 256}:${n}` });
      }
      if (n % 10_000 === 0) clock.pass(LINE_EVERY_MS);
    }
    log.tell({ kind: "tampered", device: "laptop" });
    log.close();
    const all = lines();
    for (const kind of ["revoked", "attached", "tampered"]) {
      expect(all.filter((line) => line.kind === kind).length).toBe(1);
    }
    for (const kind of strangers) {
      const own = all.filter((line) => line.kind === kind);
      expect(own.length).toBeLessThan(MAX_LINES_AT_ONCE + 50);
      const counted = own.reduce((sum, line) => sum + (line.leftOut ?? 1), 0);
      expect(counted).toBe(count);
    }
  }, { maxBytes: 100_000, files: 2 }));

Deno.test("strangers' lines are rotated among themselves", () =>
  withLog(({ log, clock, lines }) => {
    log.tell({ kind: "revoked", device: "old" });
    for (let n = 0; n < 1000; n++) {
      log.tell({ kind: "refused", address: `198.51.100.1:${n}` });
      clock.pass(LINE_EVERY_MS);
    }
    log.tell({ kind: "tampered", device: "laptop" });
    const all = lines();
    expect(all.length).toBeLessThan(200);
    expect([all[0]?.kind, all.at(-1)?.kind]).toEqual(["revoked", "tampered"]);
  }, { maxBytes: 5000, files: 2 }));

Deno.test("a device that makes noise does not hide another's lines, nor those of other kinds", () =>
  withLog(({ log, clock, lines }) => {
    for (let n = 0; n < 10 * MAX_LINES_AT_ONCE; n++) {
      log.tell({ kind: "attached", device: "loud" });
    }
    log.tell({ kind: "attached", device: "quiet" });
    log.tell({ kind: "tampered", device: "loud" });
    log.tell({ kind: "revoked", device: "loud" });
    expect(lines().length).toBe(MAX_LINES_AT_ONCE + 3);
    clock.pass(LEFT_OUT_MS);
    expect(lines().at(-1)).toMatchObject({
      kind: "attached",
      device: "loud",
      leftOut: 9 * MAX_LINES_AT_ONCE,
    });
    // It has earned one more by now.
    log.tell({ kind: "attached", device: "loud", reason: "later" });
    log.tell({ kind: "attached", device: "loud", reason: "too early" });
    expect(lines().at(-1)?.reason).toBe("later");
  }));

Deno.test("names that nobody has counted yet share a budget when there are too many", () =>
  withLog(({ log, lines }) => {
    for (let n = 0; n < 2 * MAX_BUDGETS; n++) {
      log.tell({ kind: "link up", device: `device-${n}` });
    }
    log.close();
    const all = lines();
    expect(all.length).toBe(MAX_BUDGETS + MAX_LINES_AT_ONCE + 1);
    expect(all.at(-1)?.leftOut).toBe(MAX_BUDGETS - MAX_LINES_AT_ONCE);
  }));

Deno.test("what a person does is always told", () =>
  withLog(({ log, lines }) => {
    for (let n = 0; n < 5 * MAX_LINES_AT_ONCE; n++) {
      log.tell({ kind: "revoked", device: "x" });
    }
    expect(lines().length).toBe(5 * MAX_LINES_AT_ONCE);
  }));

Deno.test("where it cannot be written the general log says so now and then, and later the file how many are missing", () =>
  withLog(({ log, clock, folder, lines, said }) => {
    // Something else stands where the file should be.
    Deno.mkdirSync(folder.nodeAudit.file, { recursive: true });
    for (let n = 0; n < 7; n++) log.tell({ kind: "revoked", device: "x" });
    expect(said.length).toBe(1);
    expect(said[0]).toContain("The audit log has gaps from now on");
    clock.pass(COMPLAINT_MS);
    log.tell({ kind: "revoked", device: "x" });
    expect(said.length).toBe(2);
    Deno.removeSync(folder.nodeAudit.file);
    log.tell({ kind: "revoked", device: "y" });
    expect(lines()).toMatchObject([
      { kind: "gap", leftOut: 8 },
      { kind: "revoked", device: "y" },
    ]);
  }));

Deno.test("texts that a peer chose are cut, and reach no terminal as control characters", () =>
  withLog(({ log, folder, lines }) => {
    const nasty = "\x1b[2J\n\x9b\u202e\u2066\u2028 end";
    log.tell({ kind: "attached", device: "laptop", initiator: nasty });
    log.tell({
      kind: "attached",
      device: "laptop",
      initiator: "x".repeat(5000),
    });
    expect(lines()[0]?.initiator).toBe(nasty);
    expect(lines()[1]?.initiator?.length).toBe(512);
    const text = Deno.readTextFileSync(folder.nodeAudit.file);
    expect(text.split("\n").length).toBe(3);
    expect(
      [...text].every((char) => char === "\n" || (char >= " " && char <= "~")),
    )
      .toBe(true);
  }));

Deno.test("a reader that goes on meets every line once, whatever is rotated meanwhile, and passes over halves", () =>
  withLog(({ log, clock, folder }) => {
    const reader = new AuditReader(folder);
    const seen: (string | undefined)[] = [];
    let told = 0;
    for (let look = 0; look < 40; look++) {
      for (let n = 0; n < look % 7; n++) {
        log.tell({ kind: "revoked", device: `d${told++}` });
        clock.pass(1);
      }
      seen.push(...reader.next().lines.map(({ device }) => device));
    }
    expect(seen).toEqual(Array.from({ length: told }, (_, n) => `d${n}`));
    log.close();
    Deno.writeTextFileSync(folder.nodeAudit.file, '{"time":"2026-1', {
      append: true,
    });
    expect(reader.next()).toEqual({ lines: [], unreadable: 0 });
    Deno.writeTextFileSync(folder.nodeAudit.file, "\n[1]\nnull\n{}\n", {
      append: true,
    });
    expect(reader.next()).toEqual({ lines: [], unreadable: 4 });
  }, { maxBytes: 1000, files: 3 }));
