/** Who a command comes from. */

/** An I_T nexus (SAM-5 section 4.7): one iSCSI session of one initiator port. */
export interface Nexus {
  /** InitiatorName, then ",i,0x" and the ISID in 12 hexadecimal digits: the initiator port's name (RFC 7143 section 4.2.7.1). */
  readonly initiatorPort: string;
  /** Unlike any other nexus of this process. */
  readonly id: number;
  /** This nexus may only read: the unit is write protected for it, whatever it is for others. */
  readonly readOnly?: boolean;
  /** What its right to change anything rests on, where that can end while it lives. Whoever changes bytes for it looks every time. */
  readonly proof?: { readonly held: boolean };
}
