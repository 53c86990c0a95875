/** What targets send, in bytes and in fields. The bytes are written after the drawings of RFC 7143 section 11, not printed by the encoders. */

import { type Golden, golden, hex, LUN } from "./golden.ts";
import * as asyncMessage from "./async_message.ts";
import * as dataIn from "./data_in.ts";
import * as loginResponse from "./login_response.ts";
import * as logoutResponse from "./logout_response.ts";
import * as nopIn from "./nop_in.ts";
import * as r2t from "./r2t.ts";
import * as reject from "./reject.ts";
import * as scsiResponse from "./scsi_response.ts";
import * as taskResponse from "./task_management_response.ts";
import * as textResponse from "./text_response.ts";

export const RESPONSES: readonly Golden[] = [
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
];
