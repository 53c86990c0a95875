/** How a store remembers that it failed, and what it says from then on. */

import { messageOf } from "../base/errors.ts";
import { MediaError } from "../base/media_error.ts";
import type { Health } from "./store.ts";

const OK: Health = Object.freeze({ state: "ok" });

/** What an operating system calls a medium or a quota that is full. */
const NO_SPACE = new Set(["ENOSPC", "EDQUOT"]);

/**
 * The sticky half of the contract: ok → failed, never back.
 *
 * A write that was refused for want of space does not fail the store: it was never acknowledged, and the next one may find room.
 * Space that runs out under a sync is another matter: acknowledged bytes may be gone.
 */
export class Failure {
  #health: Health = OK;

  get health(): Health {
    return this.#health;
  }

  /** @throws {MediaError} `failed` where an earlier write or sync failed */
  refuse(): void {
    if (this.#health.state === "failed") {
      throw new MediaError(
        "failed",
        `Refused, because the volume failed before: ${this.#health.why}`,
      );
    }
  }

  /** What to throw for a write that failed; the store is failed unless there was merely no room. */
  ofWrite(thrown: unknown): MediaError {
    if (!isNoSpace(thrown)) return this.#fail("write", thrown);
    const refusal = noSpace("write", thrown);
    if (this.#health === OK) {
      this.#health = { state: "ok", noRoom: refusal.message };
    }
    return refusal;
  }

  /** Whether the last write that needed room found none. */
  get lacksRoom(): boolean {
    return this.#health.state === "ok" && this.#health.noRoom !== undefined;
  }

  /** A write has found room. */
  foundRoom(): void {
    if (this.lacksRoom) this.#health = OK;
  }

  /** What to throw for a sync that failed; the store is failed. */
  ofSync(thrown: unknown): MediaError {
    return this.#fail("sync", thrown);
  }

  /** What to say of a journal that cannot be drained any more; the store is failed. */
  ofDrain(thrown: unknown): MediaError {
    return this.#fail("drain", thrown);
  }

  /** The store is failed, for a reason that is none of its own. */
  fail(why: unknown): void {
    if (this.#health.state === "failed") return;
    this.#health = { state: "failed", why: messageOf(why) };
  }

  #fail(what: "write" | "sync" | "drain", thrown: unknown): MediaError {
    const why = `Could not ${what}: ${messageOf(thrown)}`;
    if (this.#health.state === "ok") this.#health = { state: "failed", why };
    return new MediaError("medium", why, { cause: thrown });
  }
}

/** What to throw for a read that failed. */
export function readError(thrown: unknown): MediaError {
  return new MediaError("medium", `Could not read: ${messageOf(thrown)}`, {
    cause: thrown,
  });
}

/**
 * What to throw for a store whose length could not be changed, because it would be longer than the file system allows, say. Nothing that
 * was acknowledged is in doubt, so the store is as good as before.
 */
export function resizeError(thrown: unknown): MediaError {
  return isNoSpace(thrown)
    ? noSpace("resize", thrown)
    : new MediaError("medium", `Could not resize: ${messageOf(thrown)}`, {
      cause: thrown,
    });
}

/** What to throw for what could not be brought to its place now, and stays where it is. */
export function undrained(thrown: unknown): MediaError {
  const why = `Could not drain: ${messageOf(thrown)}`;
  const fault = isNoSpace(thrown) ? "no-space" : "medium";
  return new MediaError(fault, why, { cause: thrown });
}

function noSpace(what: "write" | "resize", thrown: unknown): MediaError {
  return new MediaError(
    "no-space",
    `No space to ${what}: ${messageOf(thrown)}`,
    {
      cause: thrown,
    },
  );
}

/** Whether somewhere down the causes the operating system said that there is no room. */
export function isNoSpace(thrown: unknown): boolean {
  for (let at = thrown; at instanceof Error; at = at.cause) {
    if (at instanceof MediaError && at.fault === "no-space") return true;
    if (
      "code" in at && typeof at.code === "string" && NO_SPACE.has(at.code)
    ) return true;
  }
  return false;
}
