/** Every PDU's header in bytes and in fields, both ways. */

import { expect } from "expect";
import fc from "fast-check";
import { toHex } from "../../base/bytes.ts";
import { PeerError } from "../../base/errors.ts";
import * as asyncMessage from "./async_message.ts";
import { BHS_BYTES } from "./bhs.ts";
import * as dataIn from "./data_in.ts";
import * as dataOut from "./data_out.ts";
import * as loginRequest from "./login_request.ts";
import * as loginResponse from "./login_response.ts";
import * as logoutRequest from "./logout_request.ts";
import * as logoutResponse from "./logout_response.ts";
import * as nopIn from "./nop_in.ts";
import * as nopOut from "./nop_out.ts";
import * as r2t from "./r2t.ts";
import * as reject from "./reject.ts";
import * as scsiCommand from "./scsi_command.ts";
import * as scsiResponse from "./scsi_response.ts";
import * as snackRequest from "./snack_request.ts";
import * as taskRequest from "./task_management_request.ts";
import * as taskResponse from "./task_management_response.ts";
import * as textRequest from "./text_request.ts";
import * as textResponse from "./text_response.ts";
import { hex } from "./golden.ts";
import { REQUESTS } from "./golden_requests.ts";
import { RESPONSES } from "./golden_responses.ts";

const TABLE = [...REQUESTS, ...RESPONSES];

for (const { name, bytes, fields, decode, encode } of TABLE) {
  Deno.test(`pdu: ${name}, both ways`, () => {
    const wire = hex(bytes);
    expect(wire.length).toBe(BHS_BYTES);
    expect(decode(wire)).toEqual(fields);
    // The arena holds something else before, and around.
    const arena = new Uint8Array(BHS_BYTES + 16).fill(0xee);
    encode(arena, 8);
    expect(toHex(arena.subarray(8, 8 + BHS_BYTES))).toBe(bytes);
    expect(toHex(arena.subarray(0, 8))).toBe("ee".repeat(8));
    expect(toHex(arena.subarray(8 + BHS_BYTES))).toBe("ee".repeat(8));
  });

  Deno.test(`pdu: ${name}, no prefix decodes`, () => {
    const wire = hex(bytes);
    for (let length = 0; length < BHS_BYTES; length++) {
      expect(() => decode(wire.subarray(0, length))).toThrow(PeerError);
    }
  });

  Deno.test(`pdu: ${name}, another opcode does not decode`, () => {
    const wire = hex(bytes);
    wire[0] = wire[0]! ^ 0x0a;
    expect(() => decode(wire)).toThrow(PeerError);
  });
}

Deno.test("pdu: decode, encode, decode is stable on any bytes", () => {
  const decoders: readonly [
    number,
    (bytes: Uint8Array) => object,
    (fields: never, into: Uint8Array, at: number) => void,
  ][] = [
    [0x01, scsiCommand.decodeScsiCommand, scsiCommand.encodeScsiCommand],
    [0x21, scsiResponse.decodeScsiResponse, scsiResponse.encodeScsiResponse],
    [
      0x02,
      taskRequest.decodeTaskManagementRequest,
      taskRequest.encodeTaskManagementRequest,
    ],
    [
      0x22,
      taskResponse.decodeTaskManagementResponse,
      taskResponse.encodeTaskManagementResponse,
    ],
    [0x03, loginRequest.decodeLoginRequest, loginRequest.encodeLoginRequest],
    [
      0x23,
      loginResponse.decodeLoginResponse,
      loginResponse.encodeLoginResponse,
    ],
    [0x04, textRequest.decodeTextRequest, textRequest.encodeTextRequest],
    [0x24, textResponse.decodeTextResponse, textResponse.encodeTextResponse],
    [0x05, dataOut.decodeDataOut, dataOut.encodeDataOut],
    [0x25, dataIn.decodeDataIn, dataIn.encodeDataIn],
    [0x31, r2t.decodeR2t, r2t.encodeR2t],
    [0x32, asyncMessage.decodeAsyncMessage, asyncMessage.encodeAsyncMessage],
    [0x00, nopOut.decodeNopOut, nopOut.encodeNopOut],
    [0x20, nopIn.decodeNopIn, nopIn.encodeNopIn],
    [
      0x06,
      logoutRequest.decodeLogoutRequest,
      logoutRequest.encodeLogoutRequest,
    ],
    [
      0x26,
      logoutResponse.decodeLogoutResponse,
      logoutResponse.encodeLogoutResponse,
    ],
    [0x3f, reject.decodeReject, reject.encodeReject],
    [0x10, snackRequest.decodeSnackRequest, snackRequest.encodeSnackRequest],
  ];
  fc.assert(fc.property(
    fc.uint8Array({ minLength: BHS_BYTES, maxLength: BHS_BYTES }),
    fc.constantFrom(...decoders),
    (bytes, [opcode, decode, encode]) => {
      bytes[0] = (bytes[0]! & 0xc0) | opcode;
      const fields = decode(bytes);
      const again = new Uint8Array(BHS_BYTES);
      encode(fields as never, again, 0);
      expect(decode(again)).toEqual(fields);
    },
  ));
});
