/** Who holds a volume, and how, as people are told. */

/** Who holds a volume. */
export interface HolderInfo {
  /** The device's name, or "this machine" for initiators of the node's own. */
  readonly device: string;
  /** "write" is alone, "shared" with others that share, "read" with others that read. */
  readonly mode: "write" | "shared" | "read";
  /** When it got the volume. */
  readonly since: string;
  /** Unlike that of any other holder, and higher than all before. */
  readonly generation: number;
  /** Whether it is heard of; a paused one has lost its connection and may come back over another. */
  readonly state: "up" | "paused" | "gone";
  /** Since when it is gone; absent where it has not been heard of since the node was started. */
  readonly goneSince?: string;
}

/** A target behind `--forward` that somebody holds. */
export interface ForwardedInfo {
  /** Its iSCSI name. */
  readonly iqn: string;
  /** Who holds it. */
  readonly holders: readonly HolderInfo[];
}

/** How an attachment holds its volume. */
export interface HoldInfo {
  /** Alone, with others that share, or with others that read. */
  readonly mode: HolderInfo["mode"];
  /** Unlike that of any other holder, and higher than all before. */
  readonly generation: number;
  /** When the node gave it. */
  readonly since: string;
  /** The moment that it shows, where it is a view: nothing is held, and others write as they like. */
  readonly view?: string;
  /** Who wants to take it over just now. */
  readonly wantedBy?: string;
}

/** How an attachment was ended. */
export interface Detachment {
  /** Whether the node knows that the volume is free; it does not where it could not be reached. */
  readonly released: boolean;
}
