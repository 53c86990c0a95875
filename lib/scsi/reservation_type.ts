/** Persistent reservation types (SPC-4 table 174). */

export const ReservationType = {
  WRITE_EXCLUSIVE: 0x1,
  EXCLUSIVE_ACCESS: 0x3,
  WRITE_EXCLUSIVE_REGISTRANTS_ONLY: 0x5,
  EXCLUSIVE_ACCESS_REGISTRANTS_ONLY: 0x6,
  WRITE_EXCLUSIVE_ALL_REGISTRANTS: 0x7,
  EXCLUSIVE_ACCESS_ALL_REGISTRANTS: 0x8,
} as const;

const known: ReadonlySet<number> = new Set(Object.values(ReservationType));

export function isReservationType(type: number): boolean {
  return known.has(type);
}

/** Whether others may read. */
export function isWriteExclusive(type: number): boolean {
  return type === ReservationType.WRITE_EXCLUSIVE ||
    type === ReservationType.WRITE_EXCLUSIVE_REGISTRANTS_ONLY ||
    type === ReservationType.WRITE_EXCLUSIVE_ALL_REGISTRANTS;
}

/** Whether every registrant holds it. */
export function isAllRegistrants(type: number): boolean {
  return type === ReservationType.WRITE_EXCLUSIVE_ALL_REGISTRANTS ||
    type === ReservationType.EXCLUSIVE_ACCESS_ALL_REGISTRANTS;
}

/** Whether a registrant who does not hold it may do what the holder may. */
export function admitsRegistrants(type: number): boolean {
  return isAllRegistrants(type) ||
    type === ReservationType.WRITE_EXCLUSIVE_REGISTRANTS_ONLY ||
    type === ReservationType.EXCLUSIVE_ACCESS_REGISTRANTS_ONLY;
}
