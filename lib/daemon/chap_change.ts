/** Changes of what a volume's target asks of initiators, and proves to them. */

import { VaultError } from "../base/errors.ts";
import type { ChapSecret } from "../control/operations.ts";
import { chapPolicy, checkChapPolicy } from "./chap_policy.ts";
import type { VolumeDocument } from "./documents.ts";

type Chap = VolumeDocument["chap"];

/** One of them, and its words for the audit log. */
export interface ChapChange {
  readonly what: string;
  readonly of: (before: Chap) => Chap;
}

export function userSet(chap: ChapSecret): ChapChange {
  return {
    what: `user "${chap.user}" set`,
    of: (before) => {
      const others = before.users.filter(({ user }) => user !== chap.user);
      return { ...before, users: [...others, { ...chap }] };
    },
  };
}

export function userRemoved(volume: string, user: string): ChapChange {
  return {
    what: `user "${user}" removed`,
    of: (before) => {
      const users = before.users.filter((other) => other.user !== user);
      if (users.length < before.users.length) return { ...before, users };
      throw new VaultError(
        `Volume "${volume}" has no CHAP user "${user}"`,
        { kind: "not-found" },
      );
    },
  };
}

export function mutualSet(chap: ChapSecret | undefined): ChapChange {
  return {
    what: chap ? `mutual, as "${chap.user}"` : "mutual no more",
    of: ({ mutual: _, ...before }) =>
      chap ? { ...before, mutual: { ...chap } } : before,
  };
}

/** The document after the change. @throws {VaultError} where the target is another's, or would ask for what makes no sense */
export function withChap(
  before: VolumeDocument,
  change: ChapChange["of"],
): VolumeDocument {
  const { name, behind } = before;
  if (behind) {
    throw new VaultError(
      `Volume "${name}" is behind the target of "${behind.target}", and it is the target that asks for CHAP`,
      {
        kind: "usage",
        hint: `Say it of "${behind.target}": it counts for both.`,
      },
    );
  }
  const after = { ...before, chap: change(before.chap) };
  checkChapPolicy(chapPolicy(after.chap));
  return after;
}
