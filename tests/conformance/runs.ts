/**
 * The runs that the suite needs: no one disk is ordinary, write-protected and removable at once. The union of their tests is the whole
 * suite, and a test may stand in several.
 */

export type RunName =
  | "ordinary"
  | "read-only"
  | "removable"
  | "two portals"
  | "4096-byte blocks"
  | "large and full";

export interface SuiteRun {
  readonly name: RunName;
  /** Tests that skip themselves, or show nothing, on any other run's disk. */
  needs(test: string): boolean;
  /** All tests that make sense on its disk. */
  holds(test: string): boolean;
}

/** Suites whose tests ask whether the medium can be taken out (RMB of the standard INQUIRY data). */
const REMOVABLE = /^(NoMedia|PreventAllow|StartStopUnit)\./;

/** Tests that write nothing, or that want to be refused: the rest would fail on a write-protected medium, as it must. */
const READ_ONLY = new RegExp(
  "^(" + [
    "ReadOnly\\.",
    "Inquiry\\.",
    "ModeSense6\\.(AllPages|Control|Control-D_SENSE|Residuals)$",
    "Prefetch1[06]\\.",
    "Prin\\w+\\.",
    "Read(6|10|12|16)\\.",
    "ReadCapacity1[06]\\.",
    "ReadDefectData1[02]\\.",
    "ReportSupportedOpcodes\\.",
    "Sanitize\\.Readonly$",
    "TestUnitReady\\.",
    "iSCSIResiduals\\.Read",
  ].join("|") + ")",
);

/** Wants SANITIZE to last some seconds: a small disk, or one that holds nothing, is done by then. */
const LASTING = "Sanitize.Reset";

const all = (test: string) => test !== LASTING;

export const RUNS: readonly SuiteRun[] = [
  {
    name: "ordinary",
    needs: (test) =>
      !RUNS.some((run) => run.name !== "ordinary" && run.needs(test)),
    holds: all,
  },
  {
    name: "read-only",
    needs: (test) => test.startsWith("ReadOnly."),
    holds: (test) => READ_ONLY.test(test),
  },
  {
    name: "removable",
    needs: (test) => REMOVABLE.test(test),
    holds: all,
  },
  {
    name: "two portals",
    needs: (test) => test.startsWith("MultipathIO."),
    holds: all,
  },
  {
    name: "4096-byte blocks",
    // The suite is wrong about disks whose physical blocks hold several logical ones: see remarks.ts.
    needs: (test) => test === "GetLBAStatus.UnmapSingle",
    holds: all,
  },
  {
    name: "large and full",
    needs: (test) => test === LASTING,
    holds: (test) => test === LASTING,
  },
];

/** The run without which `test` shows nothing. */
export function neededRun(test: string): RunName {
  return RUNS.find((run) => run.needs(test))!.name;
}
