import { expect } from "expect";
import { fromUtf8, utf8 } from "../base/bytes.ts";
import {
  encodeHead,
  isForeignName,
  MAX_HEAD_BYTES,
  RefusedRequest,
  type Request,
  RequestReader,
} from "./http.ts";

const read = (text: string) => new RequestReader().receive(utf8(text));

const HOST = "Host: 127.0.0.1:9464\r\n";

/** Heads of requests, and what is read in them. */
const GOOD: readonly (readonly [string, Request])[] = [
  [`GET /metrics HTTP/1.1\r\n${HOST}\r\n`, {
    ...{ method: "GET", path: "/metrics", host: "127.0.0.1" },
  }],
  // As Prometheus asks.
  [
    `GET /metrics?a=/b HTTP/1.1\r\nUser-Agent: Prometheus/2.1\r\nhOST:\tlocalhost \r\nAccept: */*;q=0.1\r\n\r\n`,
    { method: "GET", path: "/metrics", host: "localhost" },
  ],
  ["GET /metrics HTTP/1.0\r\n\r\n", {
    ...{ method: "GET", path: "/metrics", host: undefined },
  }],
  ["GET http://vm:1/metrics HTTP/1.1\r\nHost: [::1]:9464\r\n\r\n", {
    ...{ method: "GET", path: "/metrics", host: "[::1]" },
  }],
  ["OPTIONS * HTTP/1.1\r\nHost:\r\nX: \xff\r\n\r\n", {
    ...{ method: "OPTIONS", path: "*", host: "" },
  }],
];

Deno.test("a head is read however its bytes arrive, and not before its end", () => {
  for (const [text, request] of GOOD) {
    expect(read(text)).toEqual(request);
    const bytes = utf8(text);
    for (let cut = 1; cut < bytes.length; cut++) {
      const reader = new RequestReader();
      expect(reader.receive(bytes.subarray(0, cut))).toBeUndefined();
      expect(reader.receive(bytes.subarray(cut))).toEqual(request);
    }
    const slow = new RequestReader();
    const all = [...bytes].map((byte) => slow.receive(Uint8Array.of(byte)));
    expect(all.at(-1)).toEqual(request);
    expect(read(`${text}GET /other HTTP/1.1\r\n`)).toEqual(request);
  }
});

Deno.test("what is no request is refused with its status", () => {
  const bad: readonly (readonly [number, string])[] = [
    [400, "\r\n\r\n"],
    [400, `GET /metrics\r\n${HOST}\r\n`],
    [400, `GET  /metrics HTTP/1.1\r\n${HOST}\r\n`],
    [400, `GET metrics HTTP/1.1\r\n${HOST}\r\n`],
    [400, `G(T /metrics HTTP/1.1\r\n${HOST}\r\n`],
    [400, `GET /metrics HTTP/1.1 \r\n${HOST}\r\n`],
    [400, "GET /metrics HTTP/1.1\r\n\r\n"],
    [400, `GET /metrics HTTP/1.1\r\n${HOST}${HOST}\r\n`],
    [400, "GET /metrics HTTP/1.1\r\nHost: a b\r\n\r\n"],
    [400, "GET /metrics HTTP/1.1\r\nHost: u@h\r\n\r\n"],
    [400, `GET /metrics HTTP/1.1\r\n${HOST} folded\r\n\r\n`],
    [400, `GET /metrics HTTP/1.1\r\n${HOST}X : y\r\n\r\n`],
    [400, `GET /metrics HTTP/1.1\r\n${HOST}X: y\nZ: y\r\n\r\n`],
    [400, "\x16\x03\x01\x02\x00\r\n\r\n"],
    [505, `GET /metrics HTTP/2.0\r\n${HOST}\r\n`],
    [431, "G".repeat(MAX_HEAD_BYTES)],
    [431, `GET /metrics HTTP/1.1\r\n${HOST}X: ${"y".repeat(MAX_HEAD_BYTES)}`],
  ];
  for (const [status, text] of bad) {
    let thrown: unknown;
    try {
      read(text);
    } catch (error) {
      thrown = error;
    }
    expect([
      text.slice(0, 60),
      thrown instanceof RefusedRequest && thrown.status,
    ])
      .toEqual([text.slice(0, 60), status]);
  }
});

Deno.test("a head of exactly the limit is read, and one byte more is not", () => {
  const head = (pad: number) =>
    `GET /metrics HTTP/1.1\r\n${HOST}X: ${"y".repeat(pad)}\r\n\r\n`;
  const pad = MAX_HEAD_BYTES - head(0).length;
  expect(read(head(pad))?.path).toBe("/metrics");
  expect(() => read(head(pad + 1))).toThrow(RefusedRequest);
});

Deno.test("a name may be a web page's, an address may not", () => {
  for (
    const host of [
      undefined,
      "",
      "localhost",
      "LocalHost",
      "127.0.0.1",
      "[::1]",
    ]
  ) expect([host, isForeignName(host)]).toEqual([host, false]);
  for (
    const host of ["evil.example", "127.0.0.1.evil.example", "localhost.evil"]
  ) expect([host, isForeignName(host)]).toEqual([host, true]);
});

Deno.test("the head of an answer says how long its body is, in bytes, and that it is the last", () => {
  const head = encodeHead({
    ...{ status: 405, fields: ["Allow: GET"], body: utf8("nö\n") },
  }, Date.parse("2026-11-22T12:00:00.000Z"));
  expect(fromUtf8(head)).toBe(
    "HTTP/1.1 405 Method Not Allowed\r\n" +
      "Date: Sun, 22 Nov 2026 12:00:00 GMT\r\n" +
      "Content-Type: text/plain; charset=utf-8\r\n" +
      "Content-Length: 4\r\n" +
      "Cache-Control: no-store\r\n" +
      "X-Content-Type-Options: nosniff\r\n" +
      "Connection: close\r\n" +
      "Allow: GET\r\n\r\n",
  );
});
