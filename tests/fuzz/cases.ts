/**
 * One case: one conversation of one kind, thrown by the dice.
 *
 * | kind     | what is said                                     | what must come of it                          |
 * | -------- | ------------------------------------------------ | --------------------------------------------- |
 * | junk     | random bytes, at any door                        | the conversation ends                         |
 * | login    | the grammar of logins                            | answers, and the conversation ends            |
 * | commands | the grammar of CDBs in a session that behaves    | every command ends with a status              |
 * | pdus     | the grammar of PDUs in a session                 | the conversation ends                         |
 * | broken   | the same with bits turned, bytes lost and added  | the conversation ends                         |
 */
import type { Duplex } from "../../lib/base/duplex.ts";
import { RawInitiator } from "../../lib/target/testing/raw_initiator.ts";
import { within } from "../harness/until.ts";
import { fuzzedCommand } from "./cdb_grammar.ts";
import type { Dice } from "./dice.ts";
import { Ear, outcomeOf } from "./ear.ts";
import type { Ground } from "./ground.ts";
import { loginRequests } from "./login_grammar.ts";
import { fuzzedPdu, r2tAnswer, type Said } from "./pdu_grammar.ts";
import type { Tally } from "./tally.ts";

/** A conversation that we have ended ends there, too; a command ends; both long before this. */
const END_MS = 60_000;
/** How long we listen on after our last word before we leave without one. */
const LINGER_MS = 2000;
/** How long we wait for an answer that need not come before we say more. */
const ANSWER_MS = 20;
const MAX_COMMANDS = 16;
const MAX_PDUS = 40;
const MAX_JUNK_BYTES = 4000;
/** What brings a disk back that was stopped, ejected, write protected or reserved by the cases before: see {@linkcode recover}. */
const START = Uint8Array.of(0x1b, 0, 0, 0, 0x01, 0);
const LOAD = Uint8Array.of(0x1b, 0, 0, 0, 0x03, 0);
const ALLOW = Uint8Array.of(0x1e, 0, 0, 0, 0, 0);
const READY = Uint8Array.of(0, 0, 0, 0, 0, 0);
const EXIT_FAILURE_MODE = Uint8Array.of(0x48, 0x1f, 0, 0, 0, 0, 0, 0, 0, 0);
const REGISTER_AND_IGNORE = Uint8Array.of(0x5f, 6, 0, 0, 0, 0, 0, 0, 24, 0);
const CLEAR = Uint8Array.of(0x5f, 3, 0, 0, 0, 0, 0, 0, 24, 0);
/** The control page with SWP clear (SPC-4 7.5.8). */
const UNPROTECT = Uint8Array.of(0x15, 0x10, 0, 0, 16, 0);
const CONTROL_PAGE = Uint8Array.of(
  ...[0, 0, 0, 0],
  ...[0x0a, 0x0a, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0],
);

export type Kind = "junk" | "login" | "commands" | "pdus" | "broken";
const KINDS: readonly Kind[] = [
  ...["junk", "login", "login"] as const,
  ...["commands", "commands", "commands", "pdus", "pdus", "broken"] as const,
];

/** One case. @throws where something has come of it that must not */
export async function fuzzOnce(
  dice: Dice,
  { ground, tally }: { ground: Ground; tally: Tally },
): Promise<void> {
  const kind = dice.of(KINDS);
  tally.add(`case: ${kind}`);
  const work = { ground, tally };
  switch (kind) {
    case "junk":
      return await junk(dice, work);
    case "login":
      return await login(dice, work);
    case "commands":
      return await commands(dice, work);
    default:
      return await pdus(dice, { ...work, broken: kind === "broken" });
  }
}

interface Work {
  readonly ground: Ground;
  readonly tally: Tally;
}

async function junk(dice: Dice, { ground, tally }: Work): Promise<void> {
  const doors = [() => ground.connect(dice), ...ground.doors];
  const duplex = await dice.of(doors)();
  const ear = dumbEar(duplex);
  await say(duplex, dice.bytes(1 + dice.next(MAX_JUNK_BYTES)));
  tally.add("junk: said");
  await leave(dice, duplex, ear);
}

/** Hears whatever it is, to its end. */
async function dumbEar(duplex: Duplex): Promise<void> {
  try {
    while (await duplex.read() !== undefined);
  } catch {
    // Cut: an end as good as any.
  }
}

async function login(dice: Dice, { ground, tally }: Work): Promise<void> {
  const duplex = await ground.connect(dice);
  const ear = new Ear({ duplex, tally });
  const requests = loginRequests(dice, goalOf(dice, ground));
  const waits = !dice.once(4);
  for (const request of requests) {
    const answer = ear.anything();
    if (!await say(duplex, cut(dice, request))) break;
    if (waits) await orAfter(answer, ANSWER_MS);
  }
  await leave(dice, duplex, ear.over);
}

function goalOf(dice: Dice, ground: Ground) {
  const [target, initiator] = [ground.fuzzed, "iqn.2026-01.test.vault:rude"];
  return {
    target: dice.once(12) ? `${target}x` : target,
    initiator: dice.once(12) ? "" : initiator,
    isid: Uint8Array.of(0x80, 0, 0, 0, 0, dice.next(3)),
  };
}

/** Now and then only the beginning of it: what follows then is read as its rest. */
function cut(dice: Dice, bytes: Uint8Array): Uint8Array {
  return dice.once(30) ? bytes.subarray(0, dice.next(bytes.length)) : bytes;
}

async function commands(dice: Dice, { ground, tally }: Work): Promise<void> {
  const duplex = await ground.connect(dice);
  const keys = {
    ...(dice.once(6) && { HeaderDigest: "CRC32C", DataDigest: "CRC32C" }),
    InitialR2T: dice.of(["Yes", "No"]),
  };
  const initiator = await loggedIn({ duplex, ground, keys });
  if (dice.once(2)) await recover(initiator);
  for (let n = dice.next(MAX_COMMANDS); n >= 0; n--) {
    const { cdb, read, data } = fuzzedCommand(dice, ground.shape);
    const immediate = data?.subarray(0, dice.of([0, 512, 4096]));
    const ended = await within(
      initiator.run({
        cdb,
        ...(read !== undefined && { read }),
        ...(data !== undefined && { write: data.length, data: immediate! }),
      }, data),
      { what: `CDB ${cdb.toHex()} ends`, timeoutMs: END_MS },
    );
    tally.add(`command: ${outcomeOf(ended.status, ended.sense)}`);
    if (ended.data.length > (read ?? 0)) {
      throw new Error(`CDB ${cdb.toHex()}: more data than announced`);
    }
  }
  await leave(dice, duplex, initiator.closed());
}

/** Always the same initiator port: what the session before has left under way is over when this one begins (RFC 7143 section 6.3.5). */
async function loggedIn(
  { duplex, ground, keys }: {
    duplex: Duplex;
    ground: Ground;
    keys: Record<string, string>;
  },
): Promise<RawInitiator> {
  const initiator = new RawInitiator(duplex);
  const status = await within(
    initiator.login({
      target: ground.fuzzed,
      isid: Uint8Array.of(0x80, 0, 0, 0, 1, 0),
      keys,
    }),
    { what: "a right login ends", timeoutMs: END_MS },
  );
  if (status !== 0) throw new Error(`A right login: status ${status}`);
  return initiator;
}

/** Without it the disk would soon say nothing but no. Whether the commands are refused is of no concern. */
async function recover(initiator: RawInitiator): Promise<void> {
  const key = (at: number) => {
    const list = new Uint8Array(24);
    list[at + 7] = 1;
    return list;
  };
  const steps: readonly [Uint8Array, Uint8Array?][] = [
    ...[[READY], [READY], [READY]] as [Uint8Array][],
    [REGISTER_AND_IGNORE, key(8)],
    [CLEAR, key(0)],
    ...[[EXIT_FAILURE_MODE], [ALLOW], [LOAD], [START]] as [Uint8Array][],
    [UNPROTECT, CONTROL_PAGE],
  ];
  for (const [cdb, data] of steps) {
    const padded = new Uint8Array(16);
    padded.set(cdb);
    await within(
      initiator.run({ cdb: padded, ...(data && { write: data.length, data }) }),
      { what: `CDB ${cdb.toHex()} ends`, timeoutMs: END_MS },
    );
  }
}

async function pdus(
  dice: Dice,
  { ground, tally, broken }: Work & { broken: boolean },
): Promise<void> {
  const duplex = await ground.connect(dice);
  const { cmdSn } = await loggedIn({ duplex, ground, keys: {} });
  const said: Said = { cmdSn, tags: [], shape: ground.shape };
  const owed: Uint8Array[] = [];
  const ear = new Ear({
    duplex,
    tally,
    onR2T: (r2t) => {
      if (!dice.once(8)) owed.push(r2tAnswer(dice, r2t));
    },
  });
  for (let n = dice.next(MAX_PDUS); n >= 0; n--) {
    const next = owed.shift() ?? fuzzedPdu(dice, said);
    if (!await say(duplex, broken ? mutated(dice, next) : next)) break;
    if (dice.once(4)) await orAfter(ear.anything(), ANSWER_MS);
  }
  await leave(dice, duplex, ear.over);
}

function mutated(dice: Dice, pdu: Uint8Array): Uint8Array {
  const bytes = pdu.slice();
  for (let n = dice.next(4); n > 0; n--) {
    bytes[dice.next(dice.once(3) ? bytes.length : 48)]! ^= 1 << dice.next(8);
  }
  return dice.once(10) ? bytes.subarray(0, dice.next(bytes.length)) : bytes;
}

/** False where the target has cut the conversation, which is its good right. */
async function say(duplex: Duplex, bytes: Uint8Array): Promise<boolean> {
  try {
    await duplex.write(bytes);
    return true;
  } catch {
    return false;
  }
}

/** Ends a conversation, in order or not, and waits for the other end's end. */
async function leave(
  dice: Dice,
  duplex: Duplex,
  over: Promise<void>,
): Promise<void> {
  if (dice.once(4)) duplex.abort();
  else {
    await duplex.close().catch(() => {});
    // Whoever waits for the rest of a PDU may go on waiting as long as its own time allows: we do not.
    await orAfter(over, LINGER_MS);
    duplex.abort();
  }
  await within(over, { what: "the conversation ends", timeoutMs: END_MS });
}

/** What comes first: `work`, or the end of the time, which gives false. */
async function orAfter(work: Promise<void>, ms: number): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<false>((resolve) =>
    timer = setTimeout(() => resolve(false), ms)
  );
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
