/** What the parts of one session's full feature phase share. */

import type { Parameters } from "../iscsi/parameters.ts";
import type { CommandWindow } from "../iscsi/window.ts";
import type { Replies } from "./replies.ts";
import type { Session } from "./session.ts";

export interface Phase {
  readonly session: Session;
  /** What holds now: a text negotiation may change what the initiator takes. */
  parameters: Parameters;
  readonly window: CommandWindow<Uint8Array>;
  readonly replies: Replies;
  /** Something threw that must not: it is logged and the connection is cut. */
  readonly defect: (thrown: unknown) => void;
}
