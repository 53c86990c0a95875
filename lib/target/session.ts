/**
 * One session in full feature phase, as its target and others know it: who it is, what it has done, and how to end it. What happens on
 * its connection is `connection.ts`.
 *
 *     live ──end()──> ending ──its tasks are over, its nexus has left──> ended
 */

import type { Nexus } from "../scsi/nexus.ts";
import type { Outcome } from "../scsi/plan.ts";
import type { Job } from "./job.ts";
import type { Target } from "./target.ts";

/** What a session's connection does for others. All are harmless once it is over. */
export interface Control {
  /** Cuts the conversation. */
  cut(why: string): void;
  /** Asks the initiator to log out within so many seconds (Asynchronous Message, event 1). */
  requestLogout(seconds: number): void;
  /**
   * Ends the tasks of a logical unit, of all where it is undefined, without a response. Resolves when they cannot touch it any more, with
   * how many there were. Where one of the session's own tasks asks, that goes on, and so does what came after it.
   */
  abortTasks(lun: number | undefined, by?: Job): Promise<number>;
  /** Ends the tasks of a logical unit that is no more, each with `verdict`. Resolves when they cannot touch it any more. */
  dismissTasks(lun: number, verdict: Outcome): Promise<void>;
}

/** Bytes and PDUs of one direction since login. */
export interface Count {
  bytes: number;
  pdus: number;
}

/** Plain figures for people. */
export interface SessionReport {
  readonly iqn: string;
  readonly volume: string;
  readonly initiator: string;
  readonly device: string;
  readonly tsih: number;
  /** Milliseconds since the epoch. */
  readonly since: number;
  readonly readOnly: boolean;
  readonly commands: number;
  /** Data-In. */
  readonly read: Readonly<Count>;
  /** Data-Out. */
  readonly written: Readonly<Count>;
}

export interface SessionOptions {
  readonly target: Target;
  readonly nexus: Nexus;
  readonly initiator: string;
  readonly device: string;
  readonly tsih: number;
  readonly since: number;
  readonly control: Control;
}

export class Session {
  readonly target: Target;
  readonly nexus: Nexus;
  /** Behind which the initiator is. */
  readonly device: string;
  readonly tsih: number;
  readonly control: Control;
  readonly read: Count = { bytes: 0, pdus: 0 };
  readonly written: Count = { bytes: 0, pdus: 0 };
  commands = 0;
  /** Resolves when nothing of the session is left: none of its commands can touch the volume any more. */
  readonly ended: Promise<void>;
  /** Why it was ended from this side, where it was. */
  why: string | undefined;
  readonly #options: SessionOptions;
  #over = () => {};

  constructor(options: SessionOptions) {
    this.#options = options;
    this.target = options.target;
    this.nexus = options.nexus;
    this.device = options.device;
    this.tsih = options.tsih;
    this.control = options.control;
    this.ended = new Promise((resolve) => this.#over = resolve);
  }

  /** Cuts the session and resolves when it has ended. */
  end(why: string): Promise<void> {
    this.why ??= why;
    this.control.cut(why);
    return this.ended;
  }

  /** Its connection calls this when its last task is over. */
  over(): void {
    this.#over();
  }

  report(): SessionReport {
    const { initiator, device, tsih, since, nexus } = this.#options;
    return {
      iqn: this.target.iqn,
      volume: this.target.name,
      initiator,
      device,
      tsih,
      since,
      readOnly: nexus.readOnly ?? false,
      commands: this.commands,
      read: { ...this.read },
      written: { ...this.written },
    };
  }
}
