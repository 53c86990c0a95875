/** Under which names the daemons' control sockets are found. */

/** `vault serve`. */
export const NODE_SOCKET = "node";

const ATTACHMENT_PREFIX = "attach-";

/** `vault attach VOLUME`. Targets behind `--forward` have names with colons, which file names do not take everywhere. */
export function attachmentSocket(volume: string): string {
  return ATTACHMENT_PREFIX + volume.replaceAll(":", "_");
}

/** Whether `attachmentSocket` made the name. */
export function isAttachmentSocket(name: string): boolean {
  return name.startsWith(ATTACHMENT_PREFIX);
}
