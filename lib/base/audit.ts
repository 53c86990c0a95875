/** What the audit log is told: who came, who was kept out, what a person changed. */

/**
 * Who can bring a line about. `anyone` reaches a port, and can come as often as they like. `device` stands for an enrolled one, and for
 * whoever sits on its way. `person` has the state folder.
 */
export type AuditSource = "anyone" | "device" | "person";

/** Every kind of line there is, and who can bring it about. A new kind is a line in here and nothing else. */
export const AUDIT_KINDS = {
  "link up": "device",
  "link paused": "device", // its connection was lost
  "link resumed": "device", // over another connection
  "link end": "device",
  "refused": "anyone", // a handshake, with the reason
  "tampered": "device", // a record's MAC, number or length was wrong
  "joined": "device", // it was enrolled
  "join refused": "anyone",
  "renewed": "device", // its certificate
  "limit": "anyone", // connections turned away because there are too many
  "attached": "device", // an initiator has logged in
  "detached": "device", // its session has ended
  "login refused": "device", // CHAP, or no such target
  "invited": "person",
  "invitation withdrawn": "person",
  "revoked": "person",
  "lease granted": "device", // it holds the volume
  "lease refused": "device", // another holds it
  "handover asked": "device", // a holder was asked to let go
  "handed over": "device", // it did
  "fenced": "device", // it lost the lease without its doing
  "released": "device", // it gave it back unasked
  "volume lost": "device", // another node has it
  "volume created": "person",
  "volume deleted": "person",
  "volume resized": "person",
  "volume changed": "person",
  "volume restored": "person", // from a snapshot
  "damage found": "person", // by reading a volume back from its bucket
  "rollback accepted": "person", // its bucket's history counts, and not what was known of it
  "chap changed": "person",
  "gap": "person", // lines that could not be written
} as const satisfies Record<string, AuditSource>;

export type AuditKind = keyof typeof AUDIT_KINDS;

/** One line of it. Absent facts are not known (an attacker has no name). Never holds a secret. */
export interface AuditEvent {
  readonly kind: AuditKind;
  readonly device?: string;
  readonly fingerprint?: string;
  readonly address?: string;
  readonly reason?: string;
  readonly volume?: string;
  /** The device that is in the way, or takes a volume over. */
  readonly by?: string;
  /** Of a lease. */
  readonly generation?: number;
  /** iSCSI name. */
  readonly initiator?: string;
  /** The line stands for so many like it that were left out. */
  readonly leftOut?: number;
}

/** Takes one line of the audit log. Must not throw. */
export type Audit = (event: AuditEvent) => void;
