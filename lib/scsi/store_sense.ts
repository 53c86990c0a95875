/** What initiators are told of a store that threw. */

import { MediaError } from "../base/media_error.ts";
import { SenseCode, SenseKey } from "./sense_code.ts";

/** Whether the store is as good as before: it did not take this, but nothing went wrong with it. */
export function isRefusal(thrown: unknown): boolean {
  return thrown instanceof MediaError &&
    (thrown.fault === "no-space" || thrown.fault === "read-only");
}

/** Sense for what a store threw. What is not a medium's fault is ours: HARDWARE ERROR, internal target failure. */
export function senseOf(
  during: "read" | "write" | "flush",
  thrown: unknown,
): { key: number; code: number } {
  if (!(thrown instanceof MediaError)) {
    return {
      key: SenseKey.HARDWARE_ERROR,
      code: SenseCode.INTERNAL_TARGET_FAILURE,
    };
  }
  switch (thrown.fault) {
    case "no-space":
      return {
        key: SenseKey.DATA_PROTECT,
        code: SenseCode.SPACE_ALLOCATION_FAILED_WRITE_PROTECT,
      };
    case "read-only":
      return { key: SenseKey.DATA_PROTECT, code: SenseCode.WRITE_PROTECTED };
    case "failed":
      // A write is refused like on a read-only medium; a flush has lost something, and nobody may take that for a lesser matter.
      return during === "flush"
        ? { key: SenseKey.MEDIUM_ERROR, code: SenseCode.WRITE_ERROR }
        : { key: SenseKey.DATA_PROTECT, code: SenseCode.WRITE_PROTECTED };
    case "medium":
      return {
        key: SenseKey.MEDIUM_ERROR,
        code: during === "read"
          ? SenseCode.UNRECOVERED_READ_ERROR
          : SenseCode.WRITE_ERROR,
      };
  }
}
