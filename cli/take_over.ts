/** `--take-over`, `--now` and `--within` of attach. */

import { VaultError } from "../lib/base/errors.ts";
import type { TakeOverOptions } from "../lib/daemon/attachment_options.ts";
import { parseDuration } from "./duration.ts";

/** As the attachment takes it: nothing where it was not given. @throws {VaultError} */
export function takeOverOf(
  options: {
    readonly takeOver?: true;
    readonly now?: true;
    readonly within?: string;
  },
): { takeOver?: TakeOverOptions } {
  const { takeOver, now, within } = options;
  if (!takeOver && (now || within !== undefined)) {
    throw new VaultError(
      `${now ? "--now" : "--within"} goes with --take-over`,
      { kind: "usage" },
    );
  }
  if (now && within !== undefined) {
    throw new VaultError("--now and --within exclude each other", {
      hint: "With --now nobody is asked, so nobody is waited for.",
      kind: "usage",
    });
  }
  if (!takeOver) return {};
  const withinMs = within === undefined ? undefined : parseDuration(within);
  return {
    takeOver: {
      now: now ?? false,
      ...(withinMs === undefined ? {} : { withinMs }),
    },
  };
}
