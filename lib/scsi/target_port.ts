/**
 * The target port that commands come through. An iSCSI target port is a portal group of a target (RFC 7143 section 4.2.7.1), and all
 * portals of a target are in one: so there is one port, alone in its target port group, however many ways lead to it.
 */

/** Relative target port identifier (SPC-4 section 3.1): what VPD page 83h, REPORT TARGET PORT GROUPS and registrations call the port. */
export const RELATIVE_TARGET_PORT = 1;

/** The target port group of that port. */
export const TARGET_PORT_GROUP = 1;
