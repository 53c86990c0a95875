import { expect } from "expect";
import { encodeSense, type Sense } from "./sense.ts";
import { hex } from "./testing.ts";

const golden: [Sense, string, string][] = [
  [
    { key: 5, code: 0x2000 },
    "70 00 05 00000000 0a 00000000 2000 00 000000",
    "72 05 2000 000000 00",
  ],
  [
    { key: 5, code: 0x2400, field: { in: "cdb", byte: 7 } },
    "70 00 05 00000000 0a 00000000 2400 00 c00007",
    "72 05 2400 000000 08 02 06 0000 c00007 00",
  ],
  [
    { key: 5, code: 0x2600, field: { in: "parameters", byte: 0x1234, bit: 5 } },
    "70 00 05 00000000 0a 00000000 2600 00 8d1234",
    "72 05 2600 000000 08 02 06 0000 8d1234 00",
  ],
  [
    { key: 0xe, code: 0x1d00, information: 0xffff_ffff },
    "f0 00 0e ffffffff 0a 00000000 1d00 00 000000",
    "72 0e 1d00 000000 0c 00 0a 80 00 00000000ffffffff",
  ],
  [
    { key: 0xe, code: 0x1d00, information: 0x1_0000_0000 },
    "70 00 0e 00000000 0a 00000000 1d00 00 000000",
    "72 0e 1d00 000000 0c 00 0a 80 00 0000000100000000",
  ],
  [
    {
      key: 3,
      code: 0x1100,
      information: 1,
      field: { in: "cdb", byte: 2 },
    },
    "f0 00 03 00000001 0a 00000000 1100 00 c00002",
    "72 03 1100 000000 14 00 0a 80 00 0000000000000001 02 06 0000 c00002 00",
  ],
];

Deno.test("sense data in fixed and in descriptor format", () => {
  for (const [sense, fixed, descriptors] of golden) {
    expect(encodeSense(sense, false)).toEqual(hex(fixed));
    expect(encodeSense(sense, true)).toEqual(hex(descriptors));
  }
});
