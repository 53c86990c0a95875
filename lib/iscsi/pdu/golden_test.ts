/**
 * Every PDU's header in bytes and in fields, both ways. The bytes are written after the drawings of RFC 7143 section 11, not
 * printed by the encoders.
 */

import { expect } from "expect";
import fc from "fast-check";
import { fromHex, toHex } from "../../base/bytes.ts";
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

interface Golden {
  readonly name: string;
  readonly bytes: string;
  readonly fields: object;
  readonly decode: (bytes: Uint8Array) => unknown;
  readonly encode: (into: Uint8Array, at: number) => void;
}

/** Ties a PDU's two functions to one type. */
function golden<F extends object>(
  name: string,
  pdu: {
    readonly decode: (bytes: Uint8Array) => F;
    readonly encode: (fields: F, into: Uint8Array, at: number) => void;
  },
  { fields, bytes }: { readonly fields: F; readonly bytes: string[] },
): Golden {
  return {
    name,
    bytes: bytes.join("").replaceAll(" ", ""),
    fields,
    decode: pdu.decode,
    encode: (into, at) => pdu.encode(fields, into, at),
  };
}

const hex = (text: string) => fromHex(text)!;
const LUN = hex("0001000000000000");

const TABLE: Golden[] = [
  golden("SCSI Command: an immediate write with an AHS", {
    decode: scsiCommand.decodeScsiCommand,
    encode: scsiCommand.encodeScsiCommand,
  }, {
    fields: {
      immediate: true,
      final: true,
      read: false,
      write: true,
      attr: scsiCommand.ATTR_ORDERED,
      totalAhsLength: 2,
      dataSegmentLength: 0x010203,
      lun: LUN,
      initiatorTaskTag: 0x11223344,
      expectedDataTransferLength: 0x00010000,
      cmdSn: 0xfffffffe,
      expStatSn: 0x80000001,
      cdb: hex("2a000000000800008000000000000000"),
    },
    bytes: [
      "41a20000 02010203 0001000000000000 11223344 00010000",
      "fffffffe 80000001 2a000000000800008000000000000000",
    ],
  }),
  golden("SCSI Command: a read", {
    decode: scsiCommand.decodeScsiCommand,
    encode: scsiCommand.encodeScsiCommand,
  }, {
    fields: {
      immediate: false,
      final: true,
      read: true,
      write: false,
      attr: scsiCommand.ATTR_SIMPLE,
      totalAhsLength: 0,
      dataSegmentLength: 0,
      lun: LUN,
      initiatorTaskTag: 5,
      expectedDataTransferLength: 4096,
      cmdSn: 7,
      expStatSn: 9,
      cdb: hex("28000000000000000800000000000000"),
    },
    bytes: [
      "01c10000 00000000 0001000000000000 00000005 00001000",
      "00000007 00000009 28000000000000000800000000000000",
    ],
  }),
  golden("SCSI Response", {
    decode: scsiResponse.decodeScsiResponse,
    encode: scsiResponse.encodeScsiResponse,
  }, {
    fields: {
      bidirectionalOverflow: false,
      bidirectionalUnderflow: true,
      overflow: true,
      underflow: false,
      response: 0,
      status: 2,
      dataSegmentLength: 20,
      initiatorTaskTag: 0x11223344,
      snackTag: 0x01020304,
      statSn: 0xa0a1a2a3,
      expCmdSn: 0xb0b1b2b3,
      maxCmdSn: 0xc0c1c2c3,
      expDataSn: 3,
      bidirectionalReadResidualCount: 0x200,
      residualCount: 0x100,
    },
    bytes: [
      "218c0002 00000014 0000000000000000 11223344 01020304 a0a1a2a3",
      "b0b1b2b3 c0c1c2c3 00000003 00000200 00000100",
    ],
  }),
  golden("Task Management Function Request", {
    decode: taskRequest.decodeTaskManagementRequest,
    encode: taskRequest.encodeTaskManagementRequest,
  }, {
    fields: {
      immediate: true,
      function: taskRequest.LOGICAL_UNIT_RESET,
      lun: LUN,
      initiatorTaskTag: 0x11223344,
      referencedTaskTag: 0xffffffff,
      cmdSn: 1,
      expStatSn: 2,
      refCmdSn: 3,
      expDataSn: 4,
    },
    bytes: [
      "42850000 00000000 0001000000000000 11223344 ffffffff",
      "00000001 00000002 00000003 00000004 0000000000000000",
    ],
  }),
  golden("Task Management Function Response", {
    decode: taskResponse.decodeTaskManagementResponse,
    encode: taskResponse.encodeTaskManagementResponse,
  }, {
    fields: {
      response: taskResponse.FUNCTION_REJECTED,
      initiatorTaskTag: 0x11223344,
      statSn: 1,
      expCmdSn: 2,
      maxCmdSn: 3,
    },
    bytes: [
      "2280ff00 00000000 0000000000000000 11223344 00000000",
      "00000001 00000002 00000003 000000000000000000000000",
    ],
  }),
  golden("Login Request", {
    decode: loginRequest.decodeLoginRequest,
    encode: loginRequest.encodeLoginRequest,
  }, {
    fields: {
      transit: true,
      continue: false,
      csg: 1,
      nsg: 3,
      versionMax: 1,
      versionMin: 0,
      dataSegmentLength: 100,
      isid: hex("00023d000001"),
      tsih: 0x1234,
      initiatorTaskTag: 0x11223344,
      cid: 0x5678,
      cmdSn: 9,
      expStatSn: 10,
    },
    bytes: [
      "43870100 00000064 00023d000001 1234 11223344 56780000",
      "00000009 0000000a 00000000000000000000000000000000",
    ],
  }),
  golden("Login Response", {
    decode: loginResponse.decodeLoginResponse,
    encode: loginResponse.encodeLoginResponse,
  }, {
    fields: {
      transit: false,
      continue: true,
      csg: 1,
      nsg: 0,
      versionMax: 0,
      versionActive: 0,
      dataSegmentLength: 0,
      isid: hex("00023d000001"),
      tsih: 1,
      initiatorTaskTag: 0x11223344,
      statSn: 1,
      expCmdSn: 2,
      maxCmdSn: 3,
      status: loginResponse.AUTHENTICATION_FAILURE,
    },
    bytes: [
      "23440000 00000000 00023d000001 0001 11223344 00000000",
      "00000001 00000002 00000003 02010000 0000000000000000",
    ],
  }),
  golden("Text Request", {
    decode: textRequest.decodeTextRequest,
    encode: textRequest.encodeTextRequest,
  }, {
    fields: {
      immediate: true,
      final: false,
      continue: true,
      dataSegmentLength: 16,
      lun: LUN,
      initiatorTaskTag: 0x11223344,
      targetTransferTag: 0xffffffff,
      cmdSn: 1,
      expStatSn: 2,
    },
    bytes: [
      "44400000 00000010 0001000000000000 11223344 ffffffff",
      "00000001 00000002 00000000000000000000000000000000",
    ],
  }),
  golden("Text Response", {
    decode: textResponse.decodeTextResponse,
    encode: textResponse.encodeTextResponse,
  }, {
    fields: {
      final: true,
      continue: false,
      dataSegmentLength: 16,
      lun: LUN,
      initiatorTaskTag: 0x11223344,
      targetTransferTag: 7,
      statSn: 1,
      expCmdSn: 2,
      maxCmdSn: 3,
    },
    bytes: [
      "24800000 00000010 0001000000000000 11223344 00000007",
      "00000001 00000002 00000003 000000000000000000000000",
    ],
  }),
  golden("Data-Out", {
    decode: dataOut.decodeDataOut,
    encode: dataOut.encodeDataOut,
  }, {
    fields: {
      final: true,
      dataSegmentLength: 0x2000,
      lun: LUN,
      initiatorTaskTag: 0x11223344,
      targetTransferTag: 0x55667788,
      expStatSn: 1,
      dataSn: 2,
      bufferOffset: 0x10000,
    },
    bytes: [
      "05800000 00002000 0001000000000000 11223344 55667788",
      "00000000 00000001 00000000 00000002 00010000 00000000",
    ],
  }),
  golden("Data-In with status", {
    decode: dataIn.decodeDataIn,
    encode: dataIn.encodeDataIn,
  }, {
    fields: {
      final: true,
      acknowledge: false,
      overflow: false,
      underflow: true,
      hasStatus: true,
      status: 4,
      dataSegmentLength: 0x1000,
      lun: undefined,
      initiatorTaskTag: 0x11223344,
      targetTransferTag: 0xffffffff,
      statSn: 1,
      expCmdSn: 2,
      maxCmdSn: 3,
      dataSn: 4,
      bufferOffset: 5,
      residualCount: 6,
    },
    bytes: [
      "25830004 00001000 0000000000000000 11223344 ffffffff",
      "00000001 00000002 00000003 00000004 00000005 00000006",
    ],
  }),
  golden("Data-In that asks for an acknowledgement", {
    decode: dataIn.decodeDataIn,
    encode: dataIn.encodeDataIn,
  }, {
    fields: {
      final: true,
      acknowledge: true,
      overflow: true,
      underflow: false,
      hasStatus: false,
      status: 0,
      dataSegmentLength: 4,
      lun: LUN,
      initiatorTaskTag: 0x11223344,
      targetTransferTag: 8,
      statSn: 0,
      expCmdSn: 2,
      maxCmdSn: 3,
      dataSn: 4,
      bufferOffset: 5,
      residualCount: 0,
    },
    bytes: [
      "25c40000 00000004 0001000000000000 11223344 00000008",
      "00000000 00000002 00000003 00000004 00000005 00000000",
    ],
  }),
  golden("R2T", { decode: r2t.decodeR2t, encode: r2t.encodeR2t }, {
    fields: {
      lun: LUN,
      initiatorTaskTag: 0x11223344,
      targetTransferTag: 0x55667788,
      statSn: 1,
      expCmdSn: 2,
      maxCmdSn: 3,
      r2tSn: 4,
      bufferOffset: 0x40000,
      desiredDataTransferLength: 0x100000,
    },
    bytes: [
      "31800000 00000000 0001000000000000 11223344 55667788",
      "00000001 00000002 00000003 00000004 00040000 00100000",
    ],
  }),
  golden("Asynchronous Message", {
    decode: asyncMessage.decodeAsyncMessage,
    encode: asyncMessage.encodeAsyncMessage,
  }, {
    fields: {
      dataSegmentLength: 0,
      lun: LUN,
      statSn: 1,
      expCmdSn: 2,
      maxCmdSn: 3,
      asyncEvent: asyncMessage.EVENT_LOGOUT_REQUESTED,
      asyncVCode: 9,
      parameter1: 0x0102,
      parameter2: 0x0304,
      parameter3: 0x0506,
    },
    bytes: [
      "32800000 00000000 0001000000000000 ffffffff 00000000",
      "00000001 00000002 00000003 01090102 03040506 00000000",
    ],
  }),
  golden("NOP-Out", {
    decode: nopOut.decodeNopOut,
    encode: nopOut.encodeNopOut,
  }, {
    fields: {
      immediate: true,
      dataSegmentLength: 4,
      lun: LUN,
      initiatorTaskTag: 0xffffffff,
      targetTransferTag: 0x55667788,
      cmdSn: 1,
      expStatSn: 2,
    },
    bytes: [
      "40800000 00000004 0001000000000000 ffffffff 55667788",
      "00000001 00000002 00000000000000000000000000000000",
    ],
  }),
  golden("NOP-In", { decode: nopIn.decodeNopIn, encode: nopIn.encodeNopIn }, {
    fields: {
      dataSegmentLength: 4,
      lun: LUN,
      initiatorTaskTag: 0x11223344,
      targetTransferTag: 0xffffffff,
      statSn: 1,
      expCmdSn: 2,
      maxCmdSn: 3,
    },
    bytes: [
      "20800000 00000004 0001000000000000 11223344 ffffffff",
      "00000001 00000002 00000003 000000000000000000000000",
    ],
  }),
  golden("Logout Request", {
    decode: logoutRequest.decodeLogoutRequest,
    encode: logoutRequest.encodeLogoutRequest,
  }, {
    fields: {
      immediate: true,
      reasonCode: logoutRequest.CLOSE_CONNECTION,
      initiatorTaskTag: 0x11223344,
      cid: 0x0102,
      cmdSn: 1,
      expStatSn: 2,
    },
    bytes: [
      "46810000 00000000 0000000000000000 11223344 01020000",
      "00000001 00000002 00000000000000000000000000000000",
    ],
  }),
  golden("Logout Response", {
    decode: logoutResponse.decodeLogoutResponse,
    encode: logoutResponse.encodeLogoutResponse,
  }, {
    fields: {
      response: logoutResponse.LOGOUT_CID_NOT_FOUND,
      initiatorTaskTag: 0x11223344,
      statSn: 1,
      expCmdSn: 2,
      maxCmdSn: 3,
      time2Wait: 2,
      time2Retain: 20,
    },
    bytes: [
      "26800100 00000000 0000000000000000 11223344 00000000",
      "00000001 00000002 00000003 00000000 00020014 00000000",
    ],
  }),
  golden(
    "Reject",
    { decode: reject.decodeReject, encode: reject.encodeReject },
    {
      fields: {
        reason: reject.REJECT_PROTOCOL_ERROR,
        dataSegmentLength: 48,
        statSn: 1,
        expCmdSn: 2,
        maxCmdSn: 3,
        dataSn: 4,
      },
      bytes: [
        "3f800400 00000030 0000000000000000 ffffffff 00000000",
        "00000001 00000002 00000003 00000004 0000000000000000",
      ],
    },
  ),
  golden("SNACK Request", {
    decode: snackRequest.decodeSnackRequest,
    encode: snackRequest.encodeSnackRequest,
  }, {
    fields: {
      type: snackRequest.SNACK_R_DATA,
      lun: LUN,
      initiatorTaskTag: 0x11223344,
      targetTransferTag: 0x55667788,
      expStatSn: 1,
      begRun: 2,
      runLength: 3,
    },
    bytes: [
      "10830000 00000000 0001000000000000 11223344 55667788",
      "00000000 00000001 0000000000000000 00000002 00000003",
    ],
  }),
];

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
