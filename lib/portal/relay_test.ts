import { expect } from "expect";
import { concat, utf8 } from "../base/bytes.ts";
import type { Duplex } from "../base/duplex.ts";
import { duplexPair } from "../base/duplex_pair.ts";
import { PeerError } from "../base/errors.ts";
import { Framer } from "../iscsi/framer.ts";
import {
  dataStart,
  type Digests,
  NO_DIGESTS,
  pduLength,
  sealPdu,
} from "../iscsi/layout.ts";
import {
  DATA_OUT,
  IMMEDIATE_BIT,
  LOGIN_REQUEST,
  LOGIN_RESPONSE,
  NOP_IN,
  NOP_OUT,
  TEXT_RESPONSE,
} from "../iscsi/pdu/opcode.ts";
import { ownAddress } from "./own_address.ts";
import { MAX_RELAYED_DATA_SEGMENT_BYTES, relay } from "./relay.ts";

const BOTH: Digests = { header: true, data: true };
const TRANSIT_TO_FULL_FEATURE = 0x87;
const OFFER = "HeaderDigest=CRC32C\0DataDigest=CRC32C\0";

/** A PDU of which only the framing matters. */
function pdu(
  opcode: number,
  data: Uint8Array,
  options: { digests?: Digests; flags?: number } = {},
): Uint8Array {
  const digests = options.digests ?? NO_DIGESTS;
  const bytes = new Uint8Array(pduLength(data.length, digests));
  bytes[0] = opcode;
  bytes[1] = options.flags ?? 0x80;
  bytes[5] = data.length >>> 16;
  bytes[6] = data.length >>> 8;
  bytes[7] = data.length;
  bytes.set(data, dataStart(digests));
  sealPdu(bytes, 0, { dataLength: data.length, digests });
  return bytes;
}

const loginRequest = pdu(LOGIN_REQUEST, utf8(OFFER), {
  flags: TRANSIT_TO_FULL_FEATURE,
});
const loginResponse = pdu(LOGIN_RESPONSE, utf8(OFFER), {
  flags: TRANSIT_TO_FULL_FEATURE,
});

/** A relay between two ends that the test holds; `chunkBytes` is how the relay's own ends see the bytes cut. */
function relayed(
  chunkBytes: number,
  rewrite?: Parameters<typeof relay>[0]["rewrite"],
) {
  const [initiator, left] = duplexPair({ chunkBytes });
  const [right, target] = duplexPair({ chunkBytes });
  const done = relay({
    initiator: left,
    target: right,
    ...(rewrite ? { rewrite } : {}),
  });
  return { initiator, target, done };
}

async function readBytes(duplex: Duplex, length: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for (let left = length; left > 0;) {
    const part = await duplex.read();
    if (!part) throw new Error(`the end came ${left} bytes early`);
    parts.push(part.slice());
    left -= part.length;
  }
  return concat(parts);
}

for (const chunkBytes of [1, 47, 1 << 20]) {
  Deno.test(`PDUs pass unchanged through login and digests, ${chunkBytes} bytes at a time`, async () => {
    const { initiator, target, done } = relayed(chunkBytes);
    await initiator.write(loginRequest);
    expect(await readBytes(target, loginRequest.length)).toEqual(loginRequest);
    await target.write(loginResponse);
    expect(await readBytes(initiator, loginResponse.length)).toEqual(
      loginResponse,
    );
    const up = concat(
      [0, 1, 4, 1000].map((length) =>
        pdu(DATA_OUT, new Uint8Array(length).fill(length), { digests: BOTH })
      ),
    );
    const down = concat(
      [5, 0].map((length) =>
        pdu(NOP_IN, new Uint8Array(length).fill(7), { digests: BOTH })
      ),
    );
    await Promise.all([initiator.write(up), target.write(down)]);
    expect(await readBytes(target, up.length)).toEqual(up);
    expect(await readBytes(initiator, down.length)).toEqual(down);
    await initiator.close();
    expect(await target.read()).toBeUndefined();
    await target.close();
    expect(await initiator.read()).toBeUndefined();
    await done;
  });
}

Deno.test("every write to the target's side is whole PDUs", async () => {
  const [initiator, left] = duplexPair({ chunkBytes: 10 });
  const written: Uint8Array[] = [];
  const target: Duplex = {
    read: () => new Promise(() => {}),
    write: (bytes) => Promise.resolve(void written.push(bytes.slice())),
    close: () => Promise.resolve(),
    abort: () => {},
  };
  const done = relay({ initiator: left, target });
  for (let i = 0; i < 3; i++) await initiator.write(loginRequest);
  await initiator.write(loginRequest.subarray(0, 60));
  await initiator.close();
  await expect(done).rejects.toThrow("Expected the rest of a PDU, got the end");
  expect(written).toEqual([loginRequest, loginRequest, loginRequest]);
});

Deno.test("junk, overlong data and a PDU before the login's end cut both sides", async () => {
  const overlong = pdu(LOGIN_REQUEST, new Uint8Array(0));
  overlong.set([0xff, 0xff, 0xff], 5);
  expect(0xffffff).toBeGreaterThan(MAX_RELAYED_DATA_SEGMENT_BYTES);
  for (
    const junk of [
      overlong,
      pdu(DATA_OUT, new Uint8Array(4)),
      new Uint8Array(48).fill(0x5a),
    ]
  ) {
    const { initiator, target, done } = relayed(1 << 20);
    const ended = expect(done).rejects.toThrow(PeerError);
    await initiator.write(junk);
    await ended;
    await expect(initiator.read()).rejects.toThrow();
    await expect(target.read()).rejects.toThrow();
  }
  const { initiator, target, done } = relayed(1 << 20);
  const ended = expect(done).rejects.toThrow("Expected the login to end");
  await initiator.write(concat([loginRequest, loginRequest.subarray(0, 20)]));
  await readBytes(target, loginRequest.length);
  await target.write(loginResponse);
  await ended;
});

Deno.test("discovery names the portal, and the channel's target alone", async () => {
  const rewrite = ownAddress({
    iqn: "iqn.2001-04.example:b",
    portal: "127.0.0.1:3260",
  });
  const list = utf8(
    "TargetName=iqn.2001-04.example:a\0TargetAddress=127.0.0.1:3261,1\0" +
      "TargetName=iqn.2001-04.example:b\0TargetAddress=127.0.0.1:3261,7\0TargetAddress=10.0.0.1:3261,7\0",
  );
  for (const digests of [NO_DIGESTS, BOTH]) {
    const { initiator, target, done } = relayed(1 << 20, rewrite);
    const response = digests.header
      ? loginResponse
      : pdu(LOGIN_RESPONSE, utf8(""), { flags: TRANSIT_TO_FULL_FEATURE });
    await initiator.write(loginRequest);
    await readBytes(target, loginRequest.length);
    await target.write(
      concat([
        response,
        pdu(TEXT_RESPONSE, list, { digests }),
        pdu(NOP_IN, utf8("ping"), { digests }),
      ]),
    );
    await readBytes(initiator, response.length);
    const framer = new Framer({ maxDataSegmentBytes: 8192, digests });
    const expected =
      "TargetName=iqn.2001-04.example:b\0TargetAddress=127.0.0.1:3260,7\0";
    framer.push(
      await readBytes(
        initiator,
        pduLength(expected.length, digests) + pduLength(4, digests),
      ),
    );
    const seen = [framer.next()!, framer.next()!];
    expect(
      seen.map((pdu) => [new TextDecoder().decode(pdu.data), pdu.dataDigestOk]),
    ).toEqual([[expected, true], ["ping", true]]);
    await Promise.all([initiator.close(), target.close()]);
    await done;
  }
});

Deno.test("pings are answered here unless lost PDUs are recovered", async () => {
  for (const level of [0, 1]) {
    const [initiator, left] = duplexPair();
    const [right, target] = duplexPair();
    const done = relay({ initiator: left, target: right, answerPings: true });
    const keys = utf8(`ErrorRecoveryLevel=${level}\0`);
    const flags = TRANSIT_TO_FULL_FEATURE;
    const asked = pdu(LOGIN_REQUEST, keys, { flags });
    const answered = pdu(LOGIN_RESPONSE, keys, { flags });
    await initiator.write(asked);
    await readBytes(target, asked.length);
    await target.write(answered);
    await readBytes(initiator, answered.length);
    const ping = pdu(NOP_OUT | IMMEDIATE_BIT, new Uint8Array(0));
    // No transfer tag of the target's: it asks for an answer.
    ping.fill(0xff, 20, 24);
    await initiator.write(ping);
    if (level === 0) expect((await initiator.read())![0]).toBe(NOP_IN);
    else expect(await readBytes(target, ping.length)).toEqual(ping);
    initiator.abort();
    target.abort();
    await done.catch(() => {});
  }
});
