import { expect } from "expect";
import { Device } from "./device.ts";
import { NoUnit } from "./no_unit.ts";
import { alice, bob, dataOf, diskWith, hex, verdictOf } from "./testing.ts";

const READY = hex("00 00 00 00 00 00");
const REPORT_LUNS = hex("a0 00 00 000000 00000100 00 00");

/** A device of two disks that alice and bob have joined. */
function pair() {
  const device = new Device();
  const disks = [diskWith({}, [alice, bob]), diskWith({}, [alice, bob])];
  disks.forEach((disk, lun) => disk.appear(device, lun));
  const [first, second] = [disks[0]!, disks[1]!];
  for (const nexus of [alice, bob]) first.plan(nexus, REPORT_LUNS);
  return { device, first, second };
}

Deno.test("a unit that appears or goes is told of at the others, once, and not at itself", () => {
  const { device, first, second } = pair();
  const third = diskWith({}, [alice]);
  third.appear(device, 7);
  for (const disk of [first, second]) {
    for (const nexus of [alice, bob]) {
      expect(verdictOf(disk.plan(nexus, READY))).toBe("6 3f/0e");
      expect(verdictOf(disk.plan(nexus, READY))).toBe("GOOD");
    }
  }
  expect(verdictOf(third.plan(alice, READY))).toBe("GOOD");
  second.disappear();
  expect(device.luns).toEqual([0, 7]);
  expect(verdictOf(first.plan(alice, READY))).toBe("6 3f/0e");
  expect(verdictOf(third.plan(alice, READY))).toBe("6 3f/0e");
});

Deno.test("REPORT LUNS at any unit, or where there is none, clears it at all of them, for that nexus", () => {
  for (const at of ["unit", "no unit"]) {
    const { device, first, second } = pair();
    diskWith().appear(device, 2);
    const asked = at === "unit" ? second : new NoUnit(device);
    const list = dataOf(asked.plan(alice, REPORT_LUNS));
    expect(list.length).toBe(8 + 3 * 8);
    for (const disk of [first, second]) {
      expect(verdictOf(disk.plan(alice, READY))).toBe("GOOD");
      expect(verdictOf(disk.plan(bob, READY))).toBe("6 3f/0e");
    }
  }
});

Deno.test("growth is told to the sessions of the unit that grew, and to no other", () => {
  const { first, second } = pair();
  second.resized(2048 * 512);
  expect(verdictOf(first.plan(alice, READY))).toBe("GOOD");
  expect(verdictOf(second.plan(alice, READY))).toBe("6 2a/09");
  expect(verdictOf(second.plan(bob, READY))).toBe("6 2a/09");
});

Deno.test("a LUN is taken once, and units are found by their NAA designator", () => {
  const { device, first } = pair();
  expect(() => diskWith().appear(device, 0)).toThrow();
  const naa = "3aaaaaaaaaaaaaaa";
  const other = diskWith({
    identity: {
      vendor: "V",
      product: "P",
      revision: "1",
      serial: "2",
      naa,
      targetName: "iqn.2026-01.example:photos",
    },
  });
  other.appear(device, 9);
  expect(device.find(naa)?.logicalUnit).toBe(other);
  expect(device.find("3aaaaaaaaaaaaaab")).toBeUndefined();
  other.disappear();
  expect(device.find(naa)).toBeUndefined();
  expect(verdictOf(first.plan(alice, REPORT_LUNS))).toBe("data-in");
});
