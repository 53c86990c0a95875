import { expect } from "expect";
import type { Result } from "./lane.ts";
import { merge, rowsOf, totalsOf } from "./merge.ts";
import type { RunName } from "./runs.ts";
import type { Verdict } from "./suite.ts";
import { expectedOutcomes, render } from "./table.ts";

const result = (
  test: string,
  run: RunName,
  verdict: Verdict,
  why = "",
): Result => ({ contender: "vault", test, run, verdict, why, ms: 1 });

const outcome = (...results: Result[]) =>
  merge(results[0]!.test, results)?.outcome;

Deno.test("a pass counts in the run that the test needs", () => {
  const eject = "PreventAllow.Eject";
  expect(outcome(
    result(eject, "ordinary", "skip"),
    result(eject, "removable", "pass"),
  )).toBe("pass");
  // On a disk that cannot be taken out it shows nothing.
  expect(outcome(
    result(eject, "ordinary", "pass"),
    result(eject, "removable", "skip"),
  )).toBe("skip");
  expect(outcome(result(eject, "ordinary", "pass"))).toBe(undefined);
});

Deno.test("a fail in any run is a fail", () => {
  const read = "Read10.Simple";
  expect(outcome(
    result(read, "ordinary", "pass"),
    result(read, "4096-byte blocks", "fail", "x"),
  )).toBe("fail");
});

Deno.test("what the suite says where it is known to be wrong counts for nothing, and nothing else that it says there", () => {
  const reset = "iSCSITMF.LUNResetSimpleAsync";
  const known =
    "1. test_async_lu_reset_simple.c:157  - CU_ASSERT_EQUAL(reconnect_succeeded,1)";
  expect(outcome(result(reset, "ordinary", "fail", known))).toBe("void");
  expect(outcome(result(reset, "ordinary", "fail", "another"))).toBe("fail");
  const unmap = "GetLBAStatus.UnmapSingle";
  const wrong =
    '1. test_get_lba_status_unmap_single.c:135  - CU_FAIL("[FAILED] GETLBASTATUS command: " "lba offset in first descriptor does not "';
  const elsewhere = result(unmap, "ordinary", "fail", wrong);
  const run = "4096-byte blocks";
  expect(outcome(elsewhere, result(unmap, run, "pass"))).toBe("pass");
  // There the suite is right.
  expect(outcome(elsewhere, result(unmap, run, "fail", wrong))).toBe("fail");
});

Deno.test("what is written on the page is read from it again", () => {
  const results = [
    result("Read10.Simple", "ordinary", "pass"),
    result("Sanitize.CryptoErase", "ordinary", "skip", "no | key"),
    result("Write10.Simple", "ordinary", "fail", "x"),
    result("ReadOnly.ReadOnlySBC", "ordinary", "skip"),
  ];
  const rows = rowsOf(results.map(({ test }) => test), results);
  expect(totalsOf(rows, "vault")).toEqual({
    ...{ pass: 1, skip: 1, fail: 1, void: 0 },
  });
  const versions = { suite: "1", tgt: "2" };
  const page = render({ rows, results, versions });
  expect([...expectedOutcomes(page)]).toEqual([
    ["Read10.Simple", "pass"],
    ["Sanitize.CryptoErase", "skip"],
    ["Write10.Simple", "fail"],
  ]);
  // As `deno fmt` sets it.
  expect(expectedOutcomes("| `Read10.Simple`  | skip |      | x |").size)
    .toBe(1);
});
