import { expect } from "expect";
import { Attentions } from "./unit_attention.ts";

function takeAll(codes: readonly number[]): number[] {
  const attentions = new Attentions();
  for (const code of codes) attentions.add(code);
  const taken: number[] = [];
  for (
    let code = attentions.take();
    code !== undefined;
    code = attentions.take()
  ) taken.push(code);
  return taken;
}

Deno.test("conditions come in order, each once", () => {
  expect(takeAll([0x2a09, 0x2a01, 0x2a09])).toEqual([0x2a09, 0x2a01]);
});

Deno.test("resets come first, and the widest or else the newest stands for all", () => {
  expect(takeAll([0x2a09, 0x2903])).toEqual([0x2903, 0x2a09]);
  expect(takeAll([0x2903, 0x2901])).toEqual([0x2901]);
  expect(takeAll([0x2900, 0x2903])).toEqual([0x2900]);
});

Deno.test("a condition may be cleared unreported", () => {
  const attentions = new Attentions();
  attentions.add(0x3f0e);
  attentions.clear(0x3f0e);
  attentions.clear(0x2a01);
  expect(attentions.first).toBeUndefined();
});
