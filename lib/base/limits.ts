/** Limits that two rooms share. Those of one room stand in that room. */

/** The longest iSCSI data segment that this project sends, receives or relays, in bytes. */
export const MAX_DATA_SEGMENT_BYTES = 256 * 1024;

/**
 * The longest PDU that may cross a link: basic header, additional header segments, both digests, and a data segment.
 * Targets of others behind `--forward` may use longer data segments than ours does, hence 1 MiB.
 */
export const MAX_PDU_BYTES = 1024 * 1024 + 4096;
