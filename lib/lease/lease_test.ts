import { expect } from "expect";
import { MAX_HOLDERS, MAX_LOST, type Mode, NEVER_HELD } from "./holder.ts";
import type { Ask, Effect, LeaseEvent } from "./event.ts";
import { holdingsOf, leaseOf, type LeaseState, step } from "./lease.ts";

const NOW = 1_000_000;

/** A lease to which things happen, a second after each other. */
class Story {
  state: LeaseState;
  at = NOW;

  constructor(state: LeaseState = leaseOf(NEVER_HELD)) {
    this.state = state;
  }

  /** What comes of it, in a few words each. */
  tell(event: LeaseEvent): string[] {
    this.at += 1000;
    const { state, effects } = step(this.state, event, this.at);
    this.state = state;
    return effects.map(words);
  }

  ask(name: string, more: Partial<Ask> = {}): string[] {
    return this.tell({ kind: "ask", ask: asked(name, more) });
  }

  /** All who have to leave have left. */
  clear(): string[] {
    return this.state.leaving.flatMap(({ generation }) =>
      this.tell({ kind: "cleared", generation })
    );
  }

  restart(): void {
    this.state = leaseOf(this.state.kept);
  }
}

/** "laptop/2" is its second attachment. */
function asked(name: string, more: Partial<Ask> = {}): Ask {
  const device = name.split("/")[0]!;
  return { device, attachment: name, mode: "write", ...more };
}

function words(effect: Effect): string {
  switch (effect.kind) {
    case "granted":
      return `${effect.holder.attachment} ${
        effect.new ? "has" : "keeps"
      } ${effect.holder.generation}`;
    case "refused":
      return `refused: ${
        effect.holders.map(({ attachment, life }) => `${attachment} ${life}`)
          .join(", ")
      }${effect.taker === undefined ? "" : `; ${effect.taker} takes it over`}`;
    case "wait":
      return "wait";
    case "lost":
      return `lost: ${effect.how?.reason ?? "forgotten"} ${
        effect.how?.by ?? ""
      }`
        .trim();
    case "hand over":
      return `${effect.holder.attachment} hands over to ${effect.to}`;
    case "keep it":
      return `${effect.holder.attachment} keeps it`;
    case "clear":
      return `${effect.holder.attachment} out${
        effect.lost ? `: ${effect.lost.reason} ${effect.lost.by ?? ""}` : ""
      }${effect.handedTo === undefined ? "" : ` for ${effect.handedTo}`}`
        .trim();
  }
}

const TAKE_OVER = { takeOver: { now: false } };
const NOW_AT_ONCE = { takeOver: { now: true } };

Deno.test("one that writes holds it alone, and a second one is told who it is", () => {
  const story = new Story();
  expect(story.ask("laptop")).toEqual(["laptop has 1"]);
  for (const mode of ["write", "shared", "read"] as const) {
    expect(story.ask("desktop", { mode })).toEqual(["refused: laptop up"]);
  }
  expect(holdingsOf(story.state)).toEqual([{
    device: "laptop",
    attachment: "laptop",
    mode: "write",
    generation: 1,
    since: NOW + 1000,
    life: "up",
  }]);
});

Deno.test("those that share go together, and so do those that read, up to so many", () => {
  for (const mode of ["shared", "read"] as const) {
    const story = new Story();
    for (let n = 1; n <= MAX_HOLDERS; n++) {
      expect(story.ask(`d${n}`, { mode })).toEqual([`d${n} has ${n}`]);
    }
    expect(story.ask("one too many", { mode })[0]).toContain("refused");
    const others: Mode[] = ["write", mode === "read" ? "shared" : "read"];
    for (const other of others) {
      expect(story.ask("x", { mode: other })[0]).toContain("refused");
    }
  }
});

Deno.test("whoever comes again keeps its generation, and after a restart of the node, too", () => {
  const story = new Story();
  story.ask("laptop");
  story.tell({ kind: "life", attachment: "laptop", life: "gone" });
  expect(holdingsOf(story.state)[0]).toMatchObject({
    life: "gone",
    goneSince: story.at,
  });
  expect(story.ask("desktop")).toEqual(["refused: laptop gone"]);
  expect(story.ask("laptop", { generation: 1 })).toEqual(["laptop keeps 1"]);
  story.restart();
  expect(holdingsOf(story.state)[0]?.goneSince).toBeUndefined();
  expect(story.ask("desktop")).toEqual(["refused: laptop gone"]);
  expect(story.ask("laptop", { generation: 1 })).toEqual(["laptop keeps 1"]);
});

Deno.test("another attachment of the same device has it anew, unless the older one is up", () => {
  const story = new Story();
  story.ask("laptop/1");
  expect(story.ask("laptop/2")).toEqual(["refused: laptop/1 up"]);
  for (const life of ["paused", "gone"] as const) {
    const [holder] = story.state.kept.holders;
    const { attachment, generation } = holder!;
    story.tell({ kind: "life", attachment, life });
    const next = `laptop/${generation + 1}`;
    expect(story.ask(next)).toEqual([`${attachment} out: anew laptop`, "wait"]);
    expect(story.ask(next)).toEqual(["wait"]);
    story.clear();
    expect(story.ask(next)).toEqual([`${next} has ${generation + 1}`]);
    expect(story.ask(attachment, { generation })).toEqual([
      "lost: anew laptop",
    ]);
  }
});

Deno.test("a released lease is free once what was under way has ended", () => {
  const story = new Story();
  story.ask("laptop");
  expect(story.tell({ kind: "released", attachment: "laptop" })).toEqual([
    "laptop out",
  ]);
  expect(story.tell({ kind: "released", attachment: "laptop" })).toEqual([]);
  expect(story.ask("desktop")).toEqual(["wait"]);
  expect(story.clear()).toEqual([]);
  expect(story.ask("desktop")).toEqual(["desktop has 2"]);
  expect(story.ask("laptop", { generation: 1 })).toEqual(["lost: forgotten"]);
});

Deno.test("a take-over asks those that are connected, and takes it from those that are not", () => {
  const story = new Story();
  for (const name of ["a", "b", "c"]) story.ask(name, { mode: "read" });
  story.tell({ kind: "life", attachment: "b", life: "paused" });
  story.tell({ kind: "life", attachment: "c", life: "gone" });
  expect(story.ask("taker", TAKE_OVER)).toEqual([
    "c out: dead taker",
    "a hands over to taker",
    "b hands over to taker",
  ]);
  expect(story.ask("other", TAKE_OVER)).toEqual([
    "refused: a up, b paused; taker takes it over",
  ]);
  expect(story.ask("other", NOW_AT_ONCE)).toEqual([
    "refused: a up, b paused; taker takes it over",
  ]);
  expect(story.ask("b", { mode: "read", generation: 2 })).toEqual([
    "b keeps 2",
    "b hands over to taker",
  ]);
  expect(story.tell({ kind: "released", attachment: "a" })).toEqual([
    "a out for taker",
  ]);
  expect(story.clear()).toEqual([]);
  expect(story.tell({ kind: "bound over" })).toEqual(["b out: late taker"]);
  expect(story.ask("b", { mode: "read", generation: 2 })).toEqual([
    "lost: late taker",
  ]);
  expect(story.clear()).toEqual(["taker has 4"]);
  expect(story.ask("c", { mode: "read", generation: 3 })).toEqual([
    "lost: dead taker",
  ]);
});

Deno.test("a take-over at once asks nobody", () => {
  const story = new Story();
  story.ask("laptop");
  expect(story.ask("desktop", NOW_AT_ONCE)).toEqual([
    "laptop out: taken desktop",
  ]);
  expect(story.ask("laptop", { generation: 1 })).toEqual([
    "lost: taken desktop",
  ]);
  expect(story.clear()).toEqual(["desktop has 2"]);
});

Deno.test("one that goes away when it was asked loses it", () => {
  const story = new Story();
  story.ask("laptop");
  story.ask("desktop", TAKE_OVER);
  expect(story.tell({ kind: "life", attachment: "laptop", life: "gone" }))
    .toEqual(["laptop out: dead desktop"]);
});

Deno.test("where the taker goes away, those that were asked keep it", () => {
  const story = new Story();
  story.ask("laptop");
  story.ask("desktop", TAKE_OVER);
  expect(story.tell({ kind: "withdrawn", attachment: "laptop" })).toEqual([]);
  expect(story.tell({ kind: "withdrawn", attachment: "desktop" })).toEqual([
    "laptop keeps it",
  ]);
  expect(story.tell({ kind: "bound over" })).toEqual([]);
  expect(story.ask("laptop", { generation: 1 })).toEqual(["laptop keeps 1"]);
});

Deno.test("what is revoked or ended is lost, and a taker that is revoked gets nothing", () => {
  const story = new Story();
  story.ask("laptop");
  expect(story.tell({ kind: "ended", reason: "operator" })).toEqual([
    "laptop out: operator",
  ]);
  story.clear();
  expect(story.ask("laptop/2")).toEqual(["laptop/2 has 2"]);
  story.ask("desktop", TAKE_OVER);
  expect(story.tell({ kind: "revoked", device: "desktop" })).toEqual([
    "laptop/2 keeps it",
  ]);
  expect(story.tell({ kind: "revoked", device: "laptop" })).toEqual([
    "laptop/2 out: revoked",
  ]);
  expect(story.clear()).toEqual([]);
  expect(story.state.kept.holders).toEqual([]);
});

Deno.test("an operator who ends a lease that is asked for lets the taker have it", () => {
  const story = new Story();
  story.ask("laptop");
  story.ask("desktop", TAKE_OVER);
  story.tell({ kind: "ended", reason: "operator" });
  expect(story.clear()).toEqual(["desktop has 2"]);
});

Deno.test("an attachment that claims what it never had has lost it", () => {
  const story = new Story();
  story.ask("laptop");
  for (
    const claim of [
      asked("desktop", { generation: 1 }),
      asked("laptop", { generation: 2 }),
      asked("laptop", { generation: 1, mode: "shared" }),
      { ...asked("laptop", { generation: 1 }), device: "desktop" },
    ]
  ) {
    expect(story.tell({ kind: "ask", ask: claim })).toEqual([
      "lost: forgotten",
    ]);
  }
});

Deno.test("so many lost leases are remembered", () => {
  const story = new Story();
  for (let n = 1; n <= MAX_LOST + 1; n++) {
    story.ask(`d${n}`);
    story.tell({ kind: "ended", reason: "operator" });
    story.clear();
  }
  expect(story.state.kept.lost.length).toBe(MAX_LOST);
  expect(story.ask("d1", { generation: 1 })).toEqual(["lost: forgotten"]);
  expect(story.ask("d2", { generation: 2 })).toEqual(["lost: operator"]);
});
