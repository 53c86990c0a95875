/**
 * How fast data may go at which time of the week, as people write it:
 *
 *     schedule = entry *( 1*SP entry )
 *     entry    = [ when "," ] rate
 *     when     = time / days
 *     time     = HH ":" MM                    ; every day from then on
 *     days     = day [ "-" day ]              ; those days, all day
 *     day      = mon / tue / wed / thu / fri / sat / sun
 *     rate     = "off" / digits [ "." digits ] [ k / M / G ]   ; bytes a second
 *              / digits [ "." digits ] ( kbit/s / Mbit/s / Gbit/s )
 *
 *     1M                                  one MiB a second, always
 *     08:00,1M 19:00,10M sat-sun,off      by day 1, in the evening and at night 10, at the weekend as fast as it goes
 *
 * k, M and G are powers of 1024, as everywhere in vault, and of 1000 before bit/s, as networks are sold; `off` is no limit. Days go before times. What the first time of a day does not
 * reach belongs to its last one, begun on the day before. An entry without `when` holds for all that no other names, and stands for
 * times: both in one schedule contradict each other. What no entry names has no limit. Upper and lower case are the same. Times are
 * those of the machine's own time zone.
 */

import { VaultError } from "../base/errors.ts";

/** Bytes a second. */
export interface RateSchedule {
  /** At `nowMs`, milliseconds since the epoch; undefined: as fast as it goes. */
  bytesPerSecondAt(nowMs: number): number | undefined;
}

const DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
/** The slowest rate: an object of 8 MiB takes more than two hours then. */
export const MIN_BYTES_PER_SECOND = 1024;
const UNITS: Readonly<Record<string, number>> = {
  "": 1,
  k: 1024,
  m: 1024 ** 2,
  g: 1024 ** 3,
  "kbit/s": 1000 / 8,
  "mbit/s": 1000 ** 2 / 8,
  "gbit/s": 1000 ** 3 / 8,
};

type Rate = number | undefined;

/** @throws {VaultError} `usage` where the text is no schedule */
export function parseRateSchedule(text: string): RateSchedule {
  const days = new Map<number, Rate>();
  const times = new Map<number, Rate>();
  for (const entry of text.trim().toLowerCase().split(/\s+/)) {
    const [first = "", second] = entry.split(/,(.*)/s);
    const rate = parseRate(second ?? first, text);
    const when = second === undefined ? "00:00" : first;
    const named = parseDays(when);
    const into = named ? days : times;
    for (const at of named ?? [parseTime(when, text)]) {
      if (into.has(at)) throw unreadable(text, `two entries name "${when}"`);
      into.set(at, rate);
    }
    // An entry for all times is the only one for times.
    if (second === undefined) times.set(ALWAYS, rate);
  }
  if (times.has(ALWAYS) && times.size > 2) {
    throw unreadable(text, "a rate without a time is for all times");
  }
  times.delete(ALWAYS);
  const inOrder = [...times].toSorted(([a], [b]) => a - b);
  return {
    bytesPerSecondAt(nowMs) {
      const now = new Date(nowMs);
      const day = now.getDay();
      if (days.has(day)) return days.get(day);
      const minute = now.getHours() * 60 + now.getMinutes();
      const begun = inOrder.findLast(([at]) => at <= minute);
      return (begun ?? inOrder.at(-1))?.[1];
    },
  };
}

/** No limit at any time. */
export const unlimited: RateSchedule = { bytesPerSecondAt: () => undefined };

const ALWAYS = -1;

function parseRate(text: string, schedule: string): Rate {
  if (text === "off") return undefined;
  const match = /^(\d{1,9}(?:\.\d{1,9})?)([kmg]?|[kmg]bit\/s)$/.exec(text);
  if (!match) throw unreadable(schedule, `"${text}" is no rate`);
  const rate = Math.floor(Number(match[1]) * UNITS[match[2]!]!);
  if (rate >= MIN_BYTES_PER_SECOND) return rate;
  throw unreadable(schedule, `"${text}" is less than 1k a second`);
}

/** The numbers of the days, or undefined where `text` names none. */
function parseDays(text: string): readonly number[] | undefined {
  const names = text.split("-");
  const numbers = names.map((name) => DAYS.indexOf(name));
  const [first = -1, last = first] = numbers;
  if (names.length > 2 || first < 0 || last < 0) return undefined;
  const count = (last - first + 7) % 7 + 1;
  return Array.from({ length: count }, (_, i) => (first + i) % 7);
}

/** Minutes after midnight. */
function parseTime(text: string, schedule: string): number {
  const match = /^([01]?\d|2[0-3]):([0-5]\d)$/.exec(text);
  if (match) return Number(match[1]) * 60 + Number(match[2]);
  throw unreadable(schedule, `"${text}" is neither a time nor days`);
}

function unreadable(schedule: string, why: string): VaultError {
  return new VaultError(`Cannot read the rates "${schedule}": ${why}`, {
    kind: "usage",
    hint:
      'Write 1M, or "08:00,1M 19:00,10M sat-sun,off": bytes a second, k, M or G; off is no limit.',
  });
}
