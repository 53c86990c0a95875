/** Names under which volumes are offered. */

/** Digits of the node's id in the names of its targets: enough that two nodes do not meet. */
const NODE_DIGITS = 12;

/**
 * The iSCSI name of a volume (RFC 7143 section 4.2.7.4): stable, and unlike that of any other node's. ".internal" is reserved for names
 * that nobody can own, so the naming authority is nobody's either.
 */
export function targetName(nodeId: string, volume: string): string {
  return `iqn.2026-11.internal.vault:${nodeId.slice(0, NODE_DIGITS)}.${volume}`;
}
