/** What there is to say of single tests: where the suite itself is wrong, and why the tunnel's disk lacks what a test wants. */
import type { RunName } from "./runs.ts";

/** A test that asks for what the standard forbids, or that cannot pass on any target. */
export interface SuiteFault {
  readonly test: string;
  /** The runs on whose disks it is wrong; all of them where there are none. */
  readonly runs?: readonly RunName[];
  /** What it says then. Any other failure of the same test is a failure. */
  readonly says: RegExp;
  /** Which, why, and by which clause. */
  readonly why: string;
}

export const SUITE_FAULTS: readonly SuiteFault[] = [
  {
    test: "GetLBAStatus.UnmapSingle",
    runs: ["ordinary", "removable", "two portals"],
    // Its second part; the first asks for the LBA that it wants.
    says: /test_get_lba_status_unmap_single\.c:135 .*lba offset in first/,
    why:
      "It asks for the status from LBA i + 1 on and wants the first descriptor to begin at i + the number of logical blocks " +
      "in a physical one. SBC-3 5.4.2 wants it to begin at the LBA that was asked for. The two are one where a logical " +
      "block is a physical one, so the run with 4096-byte blocks judges it.",
  },
  {
    test: "StartStopUnit.PwrCnd",
    runs: ["removable"],
    says: /STARTSTOPUNIT command failed .*INVALID_FIELD_IN_CDB\(0x2400\)/,
    why:
      "It wants GOOD for every POWER CONDITION from 1 to 15. SBC-3 5.20 reserves most of them, and SPC-4 3.3 has a reserved code in a " +
      "defined field reported as an error. The others stand for states that a disk without power to save does not have.",
  },
  {
    test: "StartStopUnit.NoLoej",
    runs: ["removable"],
    says: /TESTUNITREADY command failed .*NOT READY\(0x02\) .*\(0x0402\)/,
    why:
      "It asks with START 0 and LOEJ 0 for the unit to stop and then wants TEST UNIT READY to end with GOOD. By SBC-3 5.20 the unit is " +
      "then in the stopped power condition, in which it is not ready: 02 04/02 until START 1.",
  },
  {
    test: "iSCSITMF.LUNResetSimpleAsync",
    says:
      /test_async_lu_reset_simple\.c:\d+ +- CU_ASSERT_EQUAL\(reconnect_succeeded,1\)/,
    why:
      "It queues LOGICAL UNIT RESET and wants its response to have come before the request has been sent. RFC 7143 11.6 has " +
      "the target answer when the function is complete. The suite's later versions wait for the response.",
  },
];

/** Why the tunnel's disk skips a test, in our words; the suite's own stand where there are none. */
export const SKIPS: Readonly<Record<string, string>> = {
  "Sanitize.CryptoErase":
    "A volume has no key of its own yet whose loss would erase it, so CRYPTOGRAPHIC ERASE, which is optional (SBC-4 5.30), is not offered.",
  "Sanitize.Readonly":
    "All of it but its part about CRYPTOGRAPHIC ERASE is asserted and passes.",
  "Sanitize.Reservations":
    "All of it but its part about CRYPTOGRAPHIC ERASE is asserted and passes.",
  "WriteSame10.ZeroBlocks":
    "WSNZ is 1 (SBC-3 6.6.4): WRITE SAME that names no number of blocks is refused, which the test asserts before it skips the rest.",
  "WriteSame16.ZeroBlocks": "As WriteSame10.ZeroBlocks.",
};

/** The fault that explains this failure, if one does. */
export function faultOf(
  result: {
    readonly test: string;
    readonly run: RunName;
    readonly why: string;
  },
): SuiteFault | undefined {
  return SUITE_FAULTS.find(({ test, runs, says }) =>
    test === result.test && (runs?.includes(result.run) ?? true) &&
    says.test(result.why)
  );
}
