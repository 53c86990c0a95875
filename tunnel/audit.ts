/** What the tunnel tells the audit log. */

export type AuditKind =
  | "link up"
  | "link paused" // its connection was lost
  | "link resumed" // over another connection
  | "link end"
  | "refused" // a handshake, with the reason
  | "tampered" // a record's MAC, number or length was wrong
  | "joined" // a device was enrolled
  | "join refused"
  | "renewed" // a device's certificate
  | "limit"; // connections turned away because there are too many

/** One line of it. Absent facts are not known (an attacker has no name). Never holds a secret. */
export interface AuditEvent {
  readonly kind: AuditKind;
  readonly device?: string;
  readonly fingerprint?: string;
  readonly address?: string;
  readonly reason?: string;
}

/** Takes one line of the audit log. Must not throw. */
export type Audit = (event: AuditEvent) => void;
