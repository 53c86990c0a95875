import { expect } from "expect";
import { utf8 } from "../base/bytes.ts";
import { duplexPair } from "../base/duplex_pair.ts";
import { ConnectionLost, PeerError } from "../base/errors.ts";
import {
  DeviceLine,
  MAX_HANDOVER_MS,
  MAX_LINE_BYTES,
  MAX_SENTENCE,
  NodeLine,
} from "./lease_lines.ts";
import { LineTalk, MAX_WAITING_LINES } from "./line_talk.ts";

function talks() {
  const [mine, theirs] = duplexPair();
  const talk = new LineTalk<NodeLine, DeviceLine>(mine, {
    schema: NodeLine,
    maxLineBytes: MAX_LINE_BYTES,
  });
  return { talk, theirs };
}

Deno.test("lines are said and heard in their order, however they are cut", async () => {
  const [mine, theirs] = duplexPair({ chunkBytes: 3 });
  const node = new LineTalk<DeviceLine, NodeLine>(mine, {
    schema: DeviceLine,
    maxLineBytes: MAX_LINE_BYTES,
  });
  const device = new LineTalk<NodeLine, DeviceLine>(theirs, {
    schema: NodeLine,
    maxLineBytes: MAX_LINE_BYTES,
  });
  node.say({ kind: "progress", text: "one" });
  node.mention({ kind: "handover-off" });
  device.say({ kind: "released" });
  expect(await device.receive()).toEqual({ kind: "progress", text: "one" });
  expect(await device.receive()).toEqual({ kind: "handover-off" });
  expect(await node.receive()).toEqual({ kind: "released" });
  await node.end();
  expect(await device.receive()).toBeUndefined();
});

Deno.test("what is not a line of this conversation is the other end's fault", async () => {
  const long = "x".repeat(MAX_SENTENCE + 1);
  for (
    const line of [
      "hello",
      "{}",
      '{"kind":"released"}',
      `{"kind":"progress","text":"${long}"}`,
      '{"kind":"handover-wanted","by":"","boundMs":1}',
      `{"kind":"handover-wanted","by":"x","boundMs":${MAX_HANDOVER_MS + 1}}`,
      '{"kind":"handover-wanted","by":"x","boundMs":-1}',
      '{"kind":"fenced","at":"yesterday","why":"x"}',
      '{"kind":"refused","reason":"x","holders":[{"device":"x"}]}',
      '{"kind":"granted","iqn":"iqn.x:$(id)","chap":false,"generation":1,"since":"2026-11-22T12:00:00.000Z"}',
      '{"kind":"granted","iqn":"iqn.x:a","chap":false,"generation":0,"since":"2026-11-22T12:00:00.000Z"}',
      "x".repeat(MAX_LINE_BYTES + 1),
    ]
  ) {
    const { talk, theirs } = talks();
    theirs.write(utf8(`${line}\n`)).catch(() => {});
    await expect(talk.receive()).rejects.toThrow(PeerError);
  }
  const { talk, theirs } = talks();
  await theirs.write(utf8('{"kind":"handover'));
  await theirs.close();
  await expect(talk.receive()).rejects.toThrow("A line was cut off");
});

Deno.test("nobody puts a line of ours, or a signal to the terminal, into a sentence of theirs", async () => {
  const { talk, theirs } = talks();
  await theirs.write(
    utf8(
      '{"kind":"progress","text":"fine\\nvault: hint: rm -rf ~\\u001b[2J"}\n',
    ),
  );
  expect(await talk.receive()).toEqual({
    kind: "progress",
    text: "fine vault: hint: rm -rf ~ [2J",
  });
});

Deno.test("an end that does not read is not waited for without bound", async () => {
  const [mine] = duplexPair({ windowBytes: 1 });
  const talk = new LineTalk<NodeLine, DeviceLine>(mine, {
    schema: NodeLine,
    maxLineBytes: MAX_LINE_BYTES,
  });
  const reading = talk.receive();
  reading.catch(() => {});
  for (let n = 0; n < 10 * MAX_WAITING_LINES; n++) {
    talk.mention({ kind: "progress", text: "x" });
  }
  let cut = false;
  reading.catch(() => cut = true);
  await Promise.resolve();
  expect(cut).toBe(false);
  for (let n = 0; n <= MAX_WAITING_LINES; n++) talk.say({ kind: "released" });
  await expect(reading).rejects.toThrow(ConnectionLost);
});
