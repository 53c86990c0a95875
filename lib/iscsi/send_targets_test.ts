import { expect } from "expect";
import { PeerError } from "../base/errors.ts";
import {
  isName,
  MAX_NAME_BYTES,
  parseAddress,
  parseSendTargets,
  parseTargets,
  renderAddress,
  renderTargets,
} from "./send_targets.ts";

Deno.test("send targets: what is asked for", () => {
  expect(parseSendTargets("All")).toEqual({ kind: "all" });
  expect(parseSendTargets("")).toEqual({ kind: "session" });
  expect(parseSendTargets("iqn.x")).toEqual({ kind: "name", name: "iqn.x" });
});

Deno.test("send targets: addresses, both ways", () => {
  const table: [string, { hostname: string; port: number; tag: number }][] = [
    ["127.0.0.1:3260,1", { hostname: "127.0.0.1", port: 3260, tag: 1 }],
    ["[::1]:3261,2", { hostname: "::1", port: 3261, tag: 2 }],
    ["localhost:65535,65535", {
      hostname: "localhost",
      port: 65535,
      tag: 65535,
    }],
  ];
  for (const [text, address] of table) {
    expect(parseAddress(text)).toEqual(address);
    expect(renderAddress(address)).toBe(text);
  }
  expect(parseAddress("localhost")).toEqual({
    hostname: "localhost",
    port: 3260,
    tag: 1,
  });
  for (
    const text of [
      "",
      ":3260",
      "a:b",
      "a:65536",
      "a:1,65536",
      "::1",
      "[::1",
      "a,b",
    ]
  ) expect(() => parseAddress(text)).toThrow(PeerError);
});

Deno.test("send targets: the answer, both ways", () => {
  const targets = [
    {
      name: "iqn.2024-01.example:a",
      addresses: [
        { hostname: "127.0.0.1", port: 3260, tag: 1 },
        { hostname: "::1", port: 3260, tag: 1 },
      ],
    },
    { name: "iqn.2024-01.example:b", addresses: [] },
  ];
  const pairs = renderTargets(targets);
  expect(pairs.map(({ key, value }) => `${key}=${value}`)).toEqual([
    "TargetName=iqn.2024-01.example:a",
    "TargetAddress=127.0.0.1:3260,1",
    "TargetAddress=[::1]:3260,1",
    "TargetName=iqn.2024-01.example:b",
  ]);
  expect(parseTargets(pairs)).toEqual(targets);
  expect(parseTargets([{ key: "X-a", value: "1" }])).toEqual([]);
  expect(() => parseTargets([{ key: "TargetAddress", value: "a:1,1" }]))
    .toThrow(PeerError);
  expect(() => parseTargets([{ key: "TargetName", value: "a b" }]))
    .toThrow(PeerError);
});

Deno.test("send targets: names", () => {
  for (
    const name of [
      "iqn.2024-01.example:a_b",
      "eui.0123",
      "a".repeat(MAX_NAME_BYTES),
    ]
  ) {
    expect(isName(name)).toBe(true);
  }
  for (
    const name of [
      "",
      "a,b",
      "a b",
      "a/b",
      "a\u0000",
      "a".repeat(MAX_NAME_BYTES + 1),
    ]
  ) {
    expect(isName(name)).toBe(false);
  }
});
