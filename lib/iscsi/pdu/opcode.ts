/** Operation codes of iSCSI PDUs (RFC 7143 section 11.2.1.2): the low six bits of the first byte. */

export const OPCODE_MASK = 0x3f;
/** The I bit of a request: deliver at once, outside of the command order (RFC 7143 section 11.2.1.1). */
export const IMMEDIATE_BIT = 0x40;

export const NOP_OUT = 0x00;
export const SCSI_COMMAND = 0x01;
export const TASK_MANAGEMENT_REQUEST = 0x02;
export const LOGIN_REQUEST = 0x03;
export const TEXT_REQUEST = 0x04;
export const DATA_OUT = 0x05;
export const LOGOUT_REQUEST = 0x06;
export const SNACK_REQUEST = 0x10;

export const NOP_IN = 0x20;
export const SCSI_RESPONSE = 0x21;
export const TASK_MANAGEMENT_RESPONSE = 0x22;
export const LOGIN_RESPONSE = 0x23;
export const TEXT_RESPONSE = 0x24;
export const DATA_IN = 0x25;
export const LOGOUT_RESPONSE = 0x26;
export const R2T = 0x31;
export const ASYNC_MESSAGE = 0x32;
export const REJECT = 0x3f;
