/** What the block limits VPD page (B0h) promises and the commands keep. All in bytes unless the name says otherwise. */

/** The longest READ, WRITE, VERIFY with BYTCHK or WRITE AND VERIFY. Above what any initiator sends by default (ESXi: 32 MiB - 1 KiB). */
export const MAX_TRANSFER_BYTES = 32 * 1024 * 1024;

/** The longest WRITE SAME: it is carried out in one go while others wait. */
export const MAX_WRITE_SAME_BYTES = 64 * 1024 * 1024;

/** The most that one UNMAP may name, over all its descriptors: 2^20 of the smaller blocks. */
export const MAX_UNMAP_BYTES = 512 * 1024 * 1024;

export const MAX_UNMAP_DESCRIPTORS = 256;

/** The longest COMPARE AND WRITE; its Data-Out is twice that. The field in the CDB has 8 bits. */
export const MAX_COMPARE_AND_WRITE_BLOCKS = 32;

/** The longest PRE-FETCH. */
export const MAX_PREFETCH_BYTES = 32 * 1024 * 1024;

/** What file systems allocate and give back: unmapping less frees nothing. Also what a 512-byte disk calls its physical block. */
export const ALLOCATION_UNIT_BYTES = 4096;

/** The longest MODE SELECT parameter list: every changeable page, with room. */
export const MAX_MODE_SELECT_BYTES = 512;

/** GET LBA STATUS: the most descriptors in one answer. */
export const MAX_LBA_STATUS_DESCRIPTORS = 256;

/** The longest WRITE ATOMIC: what a store that writes atomically has to take. */
export const MAX_ATOMIC_BYTES = 1024 * 1024;

/** A self-test reads so many places, so much at each. */
export const SELF_TEST_PIECES = 16;
export const SELF_TEST_PIECE_BYTES = 1024 * 1024;

/** The most registered I_T nexuses. */
export const MAX_REGISTRATIONS = 256;
