/** What initiators send, in bytes and in fields. The bytes are written after the drawings of RFC 7143 section 11, not printed by the encoders. */

import { type Golden, golden, hex, LUN } from "./golden.ts";
import * as dataOut from "./data_out.ts";
import * as loginRequest from "./login_request.ts";
import * as logoutRequest from "./logout_request.ts";
import * as nopOut from "./nop_out.ts";
import * as scsiCommand from "./scsi_command.ts";
import * as snackRequest from "./snack_request.ts";
import * as taskRequest from "./task_management_request.ts";
import * as textRequest from "./text_request.ts";

export const REQUESTS: readonly Golden[] = [
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
