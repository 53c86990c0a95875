/** Whatever happens in whatever order: never two that do not go together, and no generation twice. */
import { expect } from "expect";
import fc from "fast-check";
import { goTogether, MODES, NEVER_HELD } from "./holder.ts";
import type { LeaseEvent } from "./event.ts";
import { leaseOf, type LeaseState, step } from "./lease.ts";
import { Proof } from "./proof.ts";

const attachment = fc.constantFrom("a1", "a2", "b1", "b2", "c1");

const ask = fc.record({
  attachment,
  mode: fc.constantFrom(...MODES),
  /** 0 for none; else counted back from the last one. */
  generation: fc.nat(3),
  takeOver: fc.constantFrom("no", "ask", "now"),
});

const happening = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("ask"), ask }) },
  fc.record({ kind: fc.constant("released"), attachment }),
  fc.record({
    kind: fc.constant("life"),
    attachment,
    life: fc.constantFrom("up", "paused", "gone"),
  }),
  fc.record({ kind: fc.constant("bound over") }),
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("cleared") }) },
  fc.record({ kind: fc.constant("withdrawn"), attachment }),
  fc.record({
    kind: fc.constant("revoked"),
    device: fc.constantFrom("a", "b", "c"),
  }),
  fc.record({
    kind: fc.constant("ended"),
    reason: fc.constant("operator"),
  }),
  fc.record({ kind: fc.constant("restart") }),
);

Deno.test("never two writers, a generation only grows, and one that has ended never proves anything again", () => {
  fc.assert(
    fc.property(fc.array(happening, { maxLength: 60 }), (happenings) => {
      let state = leaseOf(NEVER_HELD);
      const proofs = new Map<number, Proof>();
      let at = 0;
      for (const happens of happenings) {
        at++;
        if (happens.kind === "restart") {
          state = leaseOf(JSON.parse(JSON.stringify(state.kept)));
          continue;
        }
        const event = eventOf(happens as Happening, state);
        if (!event) continue;
        const before = state;
        const { state: after, effects } = step(before, event, at);
        state = after;
        expect(state.kept.lastGeneration).toBeGreaterThanOrEqual(
          before.kept.lastGeneration,
        );
        for (const effect of effects) {
          if (effect.kind === "clear") {
            proofs.get(effect.holder.generation)!.end();
          }
          if (effect.kind !== "granted") continue;
          const { generation } = effect.holder;
          if (effect.new) {
            expect(proofs.has(generation)).toBe(false);
            // Nobody is let in while something of a former one may be there.
            expect(state.leaving).toEqual([]);
            proofs.set(generation, new Proof(generation));
          }
          expect(proofs.get(generation)!.held).toBe(true);
        }
        const { holders } = state.kept;
        for (const one of holders) {
          expect(proofs.get(one.generation)?.held).toBe(true);
          for (const other of holders) {
            if (one === other) continue;
            expect(goTogether(one.mode, other.mode)).toBe(true);
          }
        }
        const held = [...proofs.values()].filter((proof) => proof.held);
        expect(held.map(({ generation }) => generation).sort()).toEqual(
          holders.map(({ generation }) => generation).sort(),
        );
      }
    }),
    { numRuns: 2000 },
  );
});

interface Happening {
  readonly kind: string;
  readonly ask: {
    readonly attachment: string;
    readonly mode: "write" | "shared" | "read";
    readonly generation: number;
    readonly takeOver: string;
  };
}

function eventOf(
  happening: Happening,
  state: LeaseState,
): LeaseEvent | undefined {
  if (happening.kind === "cleared") {
    const [first] = state.leaving;
    return first && { kind: "cleared", generation: first.generation };
  }
  if (happening.kind !== "ask") return happening as unknown as LeaseEvent;
  const { attachment, mode, generation, takeOver } = happening.ask;
  return {
    kind: "ask",
    ask: {
      device: attachment.slice(0, 1),
      attachment,
      mode,
      ...(generation > 0 &&
        { generation: state.kept.lastGeneration + 1 - generation }),
      ...(takeOver !== "no" && { takeOver: { now: takeOver === "now" } }),
    },
  };
}
