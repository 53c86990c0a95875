import { expect } from "expect";
import { judgementOf } from "./suite.ts";

const summary = (failed: number) =>
  "Run Summary:    Type  Total    Ran Passed Failed Inactive\n" +
  "              suites      1      1    n/a      0        0\n" +
  `             asserts      7      7      ${
    7 - failed
  }      ${failed}      n/a\n`;

const said = (stdout: string, code = 0) =>
  judgementOf({ code, stdout, stderr: "" });

Deno.test("what the suite printed is read as a verdict", () => {
  expect(said(summary(0))).toEqual({ verdict: "pass", why: "" });
  expect(said(`    [SKIPPED] UNMAP is not implemented.\n${summary(0)}`))
    .toEqual({ verdict: "skip", why: "UNMAP is not implemented." });
  const failed =
    "Suite Read10, Test Simple had failures:\n    1. x.c:5  - CU_ASSERT(0)\n";
  // A failure weighs more than a skipped part, and than the exit status 0 that the suite ends with.
  expect(said(`[SKIPPED] part\n${failed}${summary(1)}`)).toEqual({
    verdict: "fail",
    why: "1. x.c:5  - CU_ASSERT(0)",
  });
  const colour = `${String.fromCharCode(27)}[31m`;
  expect(said(`${colour}[FAILED] no GOOD${colour}\n${failed}${summary(1)}`).why)
    .toBe("[FAILED] no GOOD");
});

Deno.test("a suite that crashes, hangs or does not begin has not passed", () => {
  expect(said("", 134)).toEqual({
    verdict: "fail",
    why: "the suite got signal 6",
  });
  expect(said("    1. x.c:5  - CU_ASSERT(0)\n", 134).why)
    .toBe("1. x.c:5  - CU_ASSERT(0)");
  expect(said(summary(0), 124).verdict).toBe("fail");
  expect(said("Failed to connect to SCSI device 0\n", 10).why)
    .toBe("Failed to connect to SCSI device 0");
  // An exit status 0 alone shows nothing.
  expect(said("").verdict).toBe("fail");
});
