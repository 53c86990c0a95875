/** Why a volume cannot be attached, for the person who wants to: who holds it, since when, and whether they are there. */

import { VaultError } from "../base/errors.ts";
import type { NodeLine, ToldHolder } from "./lease_lines.ts";

type Refused = NodeLine & { readonly kind: "refused" };

export function leaseRefusal(
  refused: Refused,
  { volume, nowMs }: { readonly volume: string; readonly nowMs: number },
): VaultError {
  const { holders, taker, reason, hint } = refused;
  const cannot = `Cannot attach volume "${volume}"`;
  const [first, ...others] = holders;
  if (!first) {
    return new VaultError(
      taker === undefined
        ? `${cannot}: ${reason}`
        : `${cannot}: ${taker} is taking it over just now`,
      { kind: "conflict", ...(hint === undefined ? {} : { hint }) },
    );
  }
  const also = others.length === 0
    ? ""
    : `, and so ${others.length === 1 ? "has" : "have"} ${
      others.map(({ device }) => device).join(", ")
    }`;
  const held = `${first.device} has ${HELD[first.mode]} since ${
    formatTime(first.since, nowMs)
  }${also}`;
  if (taker !== undefined) {
    return new VaultError(`${cannot}: ${taker} is taking it over just now`, {
      kind: "conflict",
      hint: `Until then, ${held}.`,
    });
  }
  return new VaultError(`${cannot}: ${held}`, {
    kind: "conflict",
    hint: hint === undefined
      ? hintFor(first, nowMs)
      : `${hintFor(first, nowMs)} ${hint}`,
  });
}

const HELD: Readonly<Record<ToldHolder["mode"], string>> = {
  write: "held it",
  shared: "shared it",
  read: "read it",
};

function hintFor({ state, goneSince }: ToldHolder, nowMs: number): string {
  switch (state) {
    case "up":
      return "It is connected. --take-over asks it to let go.";
    case "paused":
      return "It has lost its connection, and may come back. --take-over asks it to let go, and takes the volume in the end.";
    case "gone":
      return goneSince === undefined
        ? "It has not been connected since the node was started. --take-over takes the volume."
        : `It has not been connected since ${
          formatTime(goneSince, nowMs)
        }. --take-over takes the volume.`;
  }
}

/** Today's times without the day, in this machine's time. */
export function formatTime(iso: string, nowMs: number): string {
  const at = new Date(iso);
  const two = (figure: number) => String(figure).padStart(2, "0");
  const day = (date: Date) =>
    `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const time = `${two(at.getHours())}:${two(at.getMinutes())}`;
  return day(at) === day(new Date(nowMs)) ? time : `${day(at)} ${time}`;
}
