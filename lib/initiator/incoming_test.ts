import { expect } from "expect";
import { Framer } from "../iscsi/framer.ts";
import { NO_DIGESTS, pduLength, sealPdu } from "../iscsi/layout.ts";
import { BHS_BYTES } from "../iscsi/pdu/bhs.ts";
import { Incoming, type Replies } from "./incoming.ts";
import { Task } from "./task.ts";

/** A header of zeros with the given opcode and task tag 1, and data. */
function pdu(opcode: number, data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(pduLength(data.length, NO_DIGESTS));
  bytes[0] = opcode;
  bytes[1] = 0x80;
  bytes[7] = data.length;
  bytes[19] = 1;
  bytes.fill(0xff, 20, 24);
  bytes.set(data, BHS_BYTES);
  sealPdu(bytes, 0, { dataLength: data.length, digests: NO_DIGESTS });
  return bytes;
}

Deno.test("incoming: what a session keeps does not hang on the chunk that it came in", () => {
  // A NOP-In, a SCSI Response with sense, a Text Response, an Asynchronous Message.
  const kinds: [number, Uint8Array, (kept: never) => Uint8Array][] = [
    [0x20, Uint8Array.of(1, 2, 3), (kept: Uint8Array) => kept],
    [
      0x21,
      Uint8Array.of(0, 3, 1, 2, 3),
      ({ sense }: { sense: Uint8Array }) => sense,
    ],
    [0x24, Uint8Array.of(1, 2, 3), ({ data }: { data: Uint8Array }) => data],
    [0x32, Uint8Array.of(1, 2, 3), (kept: Uint8Array) => kept],
  ];
  for (const [opcode, data, bytesOf] of kinds) {
    let kept: unknown;
    const nothing = new Uint8Array(0);
    const task = new Task({
      lun: new Uint8Array(8),
      initiatorTaskTag: 1,
      cmdSn: 1,
      dataOut: nothing,
      dataIn: nothing,
    });
    const session: Replies = {
      tasks: new Map([[1, task]]),
      expStatSn: 0,
      window() {},
      reply: (_tag, answer) => kept = answer,
      rejected() {},
      event: (_message, data) => kept = data,
      sendData() {},
      pong() {},
    };
    const chunk = pdu(opcode, data);
    const framer = new Framer({ maxDataSegmentBytes: 512 });
    framer.push(chunk);
    new Incoming(session).receive(framer.next()!);
    chunk.fill(0xee);
    expect(bytesOf(kept as never)).toEqual(Uint8Array.of(1, 2, 3));
    expect(session.expStatSn).toBe(1);
  }
});
