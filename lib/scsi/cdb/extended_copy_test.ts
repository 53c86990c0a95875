/** What is seen to be wrong with an EXTENDED COPY before anything is copied, and what is told of copies. */

import { expect } from "expect";
import { u16, u32 } from "../../base/bytes.ts";
import * as limits from "../copy/limits.ts";
import { MAX_PARAMETER_LIST_BYTES } from "../copy/parameter_list.ts";
import {
  copyCdb,
  copyList,
  type CscdFields,
  type ListFields,
  resultsCdb,
  type SegmentFields,
} from "../copy/testing.ts";
import type { Disk } from "../disk.ts";
import type { Nexus } from "../nexus.ts";
import {
  alice,
  bob,
  dataOf,
  diskWith,
  hex,
  identity,
  outcomeText,
  verdictOf,
  withData,
} from "../testing.ts";
import type { CopyOperation, Plan } from "../plan.ts";

const HERE: CscdFields = { naa: identity.naa };
const ONE: SegmentFields = { blocks: 1 };

function planOf(disk: Disk, list: Uint8Array, nexus: Nexus = alice): Plan {
  const plan = disk.plan(nexus, copyCdb(list.length));
  return plan.kind === "data-out" ? withData(plan, list) : plan;
}

function ask(fields: Partial<ListFields>, disk = diskWith()): string {
  return verdictOf(
    planOf(disk, copyList({ cscds: [HERE], segments: [ONE], ...fields })),
  );
}

function operationOf(plan: Plan): CopyOperation {
  if (plan.kind !== "copy") throw new Error(verdictOf(plan));
  return plan.operation;
}

Deno.test("a list is a copy, an empty one nothing, and one that is shorter than it says nothing good", () => {
  expect(ask({})).toBe("copy");
  expect(ask({ segments: [] })).toBe("copy");
  const disk = diskWith();
  expect(verdictOf(disk.plan(alice, copyCdb(0)))).toBe("GOOD");
  const whole = copyList({ cscds: [HERE], segments: [ONE] });
  for (let length = 1; length < whole.length; length++) {
    expect([length, verdictOf(planOf(disk, whole.subarray(0, length)))])
      .toEqual([length, "5 1a/00"]);
    const plan = disk.plan(alice, copyCdb(whole.length));
    expect(verdictOf(withData(plan, whole.subarray(0, length)))).toBe(
      "5 1a/00",
    );
  }
  const longer = new Uint8Array(whole.length + 4);
  longer.set(whole);
  expect(verdictOf(planOf(disk, longer))).toBe("5 1a/00");
});

Deno.test("descriptors of other types, lengths and flags are refused", () => {
  expect(ask({ cscds: [{ ...HERE, type: 0xe0 }] })).toBe("5 26/07");
  expect(ask({ segments: [{ blocks: 1, type: 0x03 }] })).toBe("5 26/09");
  expect(ask({ segments: [{ blocks: 1, type: 0x0a }] })).toBe("5 26/09");
  // FCO.
  expect(ask({ segments: [{ blocks: 1, flags: 4 }] })).toBe("5 26/00");
  expect(ask({ cscds: [{ ...HERE, blockSizeBytes: 4096 }] })).toBe("5 26/00");
  expect(ask({ cscds: [{ ...HERE, blockSizeBytes: 0 }] })).toBe("5 26/00");
  const list = copyList({ cscds: [HERE], segments: [ONE] });
  list[16 + 32 + 3] = 28;
  expect(verdictOf(planOf(diskWith(), list))).toBe("5 26/00");
});

Deno.test("list identifiers are used as LIST ID USAGE says", () => {
  expect(ask({ usage: 1 })).toBe("5 26/00");
  expect(ask({ usage: 2 })).toBe("copy");
  expect(ask({ usage: 3 })).toBe("5 26/00");
  expect(ask({ usage: 3, listId: 0 })).toBe("copy");
});

Deno.test("each limit is met: descriptors of both kinds, the list, inline data, bytes of a segment", () => {
  const cscds = (count: number) => Array.from({ length: count }, () => HERE);
  const segments = (count: number) => Array.from({ length: count }, () => ONE);
  const [most, many] = [
    limits.MAX_CSCD_DESCRIPTORS,
    limits.MAX_SEGMENT_DESCRIPTORS,
  ];
  expect(ask({ cscds: cscds(most), segments: segments(many) })).toBe("copy");
  expect(ask({ cscds: cscds(most + 1) })).toBe("5 26/06");
  expect(ask({ segments: segments(many + 1) })).toBe("5 26/08");
  expect(ask({ cscds: cscds(most + 1), segments: segments(many + 1) }))
    .toBe("5 1a/00");
  const disk = diskWith();
  const longest = disk.plan(alice, copyCdb(MAX_PARAMETER_LIST_BYTES));
  expect(longest.kind).toBe("data-out");
  expect(verdictOf(disk.plan(alice, copyCdb(MAX_PARAMETER_LIST_BYTES + 1))))
    .toBe("5 1a/00");
  expect(ask({ inlineBytes: 1 })).toBe("5 26/0b");
  const large = diskWith({
    geometry: { blockSizeBytes: 4096, sizeBytes: 2 ** 30 },
  });
  const blocks = limits.MAX_SEGMENT_BYTES / 4096;
  const of = (blocks: number) =>
    ask({
      cscds: [{ ...HERE, blockSizeBytes: 4096 }],
      segments: [{ blocks }],
    }, large);
  expect(of(blocks)).toBe("copy");
  expect(of(blocks + 1)).toBe("5 26/00");
});

Deno.test("so many copies at a time, one of an identifier, and each nexus its own identifiers", () => {
  const disk = diskWith({}, [alice, bob]);
  const of = (nexus: Nexus, fields: Partial<ListFields>) =>
    operationOf(
      planOf(
        disk,
        copyList({ cscds: [HERE], segments: [ONE], ...fields }),
        nexus,
      ),
    );
  const first = of(alice, { listId: 7 });
  expect(first.begin()).toBeUndefined();
  expect(outcomeText(of(alice, { listId: 7 }).begin()!)).toBe("5 00/16");
  const running = [first];
  const anonymous = { listId: 0, usage: 3 };
  for (let n = 1; n < limits.MAX_CONCURRENT_COPIES; n++) {
    const next = n === 1 ? of(bob, { listId: 7 }) : of(alice, anonymous);
    expect(next.begin()).toBeUndefined();
    running.push(next);
  }
  expect(of(alice, anonymous).begin()).toEqual({ status: 0x08 });
  for (const operation of running) operation.end({ status: 0 });
  expect(of(alice, { listId: 7 }).begin()).toBeUndefined();
});

Deno.test("RECEIVE COPY RESULTS tells how a copy goes and how it ended, to the nexus that asked for it", () => {
  const disk = diskWith({}, [alice, bob]);
  const status = (nexus: Nexus = alice) => disk.plan(nexus, resultsCdb(0));
  expect(verdictOf(status())).toBe("5 24/00");
  const list = copyList({ cscds: [HERE], segments: [ONE, ONE] });
  const copy = operationOf(planOf(disk, list));
  copy.begin();
  expect(dataOf(status())).toEqual(hex("00000008 00 0000 00 00000000"));
  copy.written(512);
  copy.segmentDone();
  expect(dataOf(status())).toEqual(hex("00000008 00 0001 00 00000200"));
  expect(verdictOf(status(bob))).toBe("5 24/00");
  copy.written(2 ** 32);
  copy.end({ status: 0 });
  expect(dataOf(status())).toEqual(hex("00000008 01 0001 01 00400000"));
  const none = disk.plan(alice, resultsCdb(4));
  expect(dataOf(none)).toEqual(new Uint8Array(4));
  disk.leave(alice);
  disk.join(alice);
  disk.plan(alice, hex("00 00 00 00 00 00"));
  expect(verdictOf(status())).toBe("5 24/00");
});

Deno.test("failure details are told once, whole", () => {
  const disk = diskWith();
  const list = copyList({ cscds: [HERE], segments: [ONE] });
  const fail = () => {
    const copy = operationOf(planOf(disk, list));
    copy.begin();
    copy.segment(0);
    copy.end(copy.failed("source", { status: 0x18 }));
  };
  const details = (length = 1024) =>
    dataOf(disk.plan(alice, resultsCdb(4, { length })));
  fail();
  expect(dataOf(disk.plan(alice, resultsCdb(0)))[4]).toBe(2);
  expect(details(8).length).toBe(8);
  const whole = details();
  expect(u32(whole, 0)).toBe(whole.length - 4);
  expect(whole[56]).toBe(0x02);
  expect(u16(whole, 58)).toBe(whole.length - 60);
  // THIRD PARTY DEVICE FAILURE at the source, whose status is RESERVATION CONFLICT.
  expect(whole.subarray(60)).toEqual(
    hex("70 00 0a 00000000 0b 12000000 0d01 00 800010 18"),
  );
  expect(details()).toEqual(new Uint8Array(4));
  fail();
  expect(details(0)).toEqual(new Uint8Array(0));
  expect(details()).toEqual(new Uint8Array(4));
});

Deno.test("sense data in descriptor format say the same", () => {
  const disk = diskWith();
  // D_SENSE by MODE SELECT(6).
  const select = disk.plan(alice, hex("15 10 00 00 10 00"));
  const page = hex("00000000 0a 0a 04 00 0000 0000 0000 0000");
  const before = dataOf(disk.plan(alice, hex("1a 08 0a 00 ff 00")));
  page.set(before.subarray(4), 4);
  page[6] = before[6]! | 0x04;
  expect(verdictOf(withData(select, page))).toBe("GOOD");
  disk.plan(alice, hex("00 00 00 00 00 00"));
  const list = copyList({ cscds: [HERE], segments: [ONE, ONE] });
  const copy = operationOf(planOf(disk, list));
  copy.begin();
  copy.segment(1);
  const { sense } = copy.failed("destination", {
    status: 0x02,
    sense: hex("72 05 21 00"),
  });
  expect(sense).toEqual(
    hex(`
      72 0a 00 00 000000 1c
      01 0a 0000 0000 0001 00000000
      02 06 0000 800010 00
      0c 06 02 02 72052100
    `),
  );
  copy.end(undefined);
});

Deno.test("the operating parameters and VPD page 8Fh are what holds", () => {
  const disk = diskWith({
    geometry: { blockSizeBytes: 4096, sizeBytes: 2 ** 24 },
  });
  const told = dataOf(disk.plan(alice, resultsCdb(3)));
  expect(u32(told, 0)).toBe(told.length - 4);
  expect(told[4]).toBe(1);
  expect(u16(told, 8)).toBe(limits.MAX_CSCD_DESCRIPTORS);
  expect(u16(told, 10)).toBe(limits.MAX_SEGMENT_DESCRIPTORS);
  expect(u32(told, 12)).toBe(limits.MAX_DESCRIPTOR_LIST_BYTES);
  expect(u32(told, 16)).toBe(limits.MAX_SEGMENT_BYTES);
  expect(u32(told, 20)).toBe(0);
  expect(u32(told, 24)).toBe(0);
  expect([told[36], told[37]]).toEqual([limits.MAX_CONCURRENT_COPIES, 12]);
  expect([...told.subarray(43)]).toEqual([2, 0x02, 0xe4]);
  const page = dataOf(disk.plan(alice, hex("12 01 8f 03ff 00")));
  expect(u16(page, 2)).toBe(page.length - 4);
  const found = new Map<number, Uint8Array>();
  for (let at = 4; at < page.length; at += 4 + u16(page, at + 2)) {
    expect(u16(page, at + 2) % 4).toBe(0);
    found.set(u16(page, at), page.subarray(at));
  }
  expect([...found.keys()]).toEqual([0x0001, 0x0004, 0x0008, 0x8001]);
  expect(found.get(1)!.subarray(4, 13)).toEqual(
    hex("08 83 01 00 84 03 00 03 04"),
  );
  expect(u16(found.get(4)!, 8)).toBe(limits.MAX_CSCD_DESCRIPTORS);
  expect(u16(found.get(4)!, 10)).toBe(limits.MAX_SEGMENT_DESCRIPTORS);
  expect(u32(found.get(4)!, 12)).toBe(limits.MAX_DESCRIPTOR_LIST_BYTES);
  expect(found.get(8)!.subarray(4, 7)).toEqual(hex("02 02 e4"));
  expect(u32(found.get(0x8001)!, 12)).toBe(limits.MAX_SEGMENT_BYTES);
  expect(found.get(0x8001)![16]).toBe(12);
});

Deno.test("a nexus that may only read copies nothing, wherever to", () => {
  const reader = { ...bob, readOnly: true };
  const disk = diskWith({}, [alice, reader]);
  expect(verdictOf(disk.plan(reader, copyCdb(76)))).toBe("7 27/00");
  expect(verdictOf(disk.plan(reader, resultsCdb(3)))).toBe("data-in");
});
