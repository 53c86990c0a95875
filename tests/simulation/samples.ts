/** One harmless CDB for each command that a disk may advertise, with what it needs and what comes of it on a disk of 4096 blocks. */
import { fromHex } from "../../lib/base/bytes.ts";
import { unmapList } from "./mutations.ts";

export interface Sample {
  readonly cdb: Uint8Array;
  readonly dataOut?: Uint8Array;
  readonly dataInLength?: number;
  /** GOOD unless given. */
  readonly verdict?: string;
}

const BLOCK = 512;

function hex(digits: string): Uint8Array {
  return fromHex(digits.replaceAll(" ", "")) ?? new Uint8Array(0);
}

const plain = (cdb: string): Sample => ({ cdb: hex(cdb) });
const reads = (cdb: string, length = 0xff): Sample => ({
  cdb: hex(cdb),
  dataInLength: length,
});
const blocks = (cdb: string, count = 1): Sample => ({
  cdb: hex(cdb),
  dataOut: new Uint8Array(count * BLOCK),
});
const lists = (cdb: string, list: string, verdict = "GOOD"): Sample => ({
  cdb: hex(cdb),
  dataOut: hex(list),
  verdict,
});

/** PERSISTENT RESERVE OUT with no keys: only REGISTER may do nothing. */
const reserves = (action: string, verdict: string): Sample =>
  lists(`5f ${action} 01 0000 00000018 00`, "00".repeat(24), verdict);
/** "iqn.2026-01.example:a,i,0x000000000001", filled up to 40 bytes. */
const MOVED_TO =
  "69716e2e323032362d30312e6578616d706c653a612c692c30783030303030303030303030310000";
const CONFLICT = "status 24";

/** In ascending order of operation code and service action, as REPORT SUPPORTED OPERATION CODES lists them. */
export const SAMPLES: readonly Sample[] = [
  plain("00 00 00 00 00 00"),
  reads("03 00 00 00 12 00", 18),
  plain("04 00 00 0000 00"),
  reads("08 00 00 00 01 00", BLOCK),
  blocks("0a 00 00 00 01 00"),
  reads("12 00 00 0060 00", 96),
  lists("15 10 00 00 04 00", "00000000"),
  plain("16 00 00 00 00 00"),
  plain("17 00 00 00 00 00"),
  reads("1a 00 3f 00 ff 00"),
  plain("1b 00 00 00 01 00"),
  reads("1c 01 00 00ff 00"),
  plain("1d 04 00 0000 00"),
  plain("1e 00 00 00 00 00"),
  reads("25 00 00000000 0000 00 00", 8),
  reads("28 00 00000000 00 0001 00", BLOCK),
  blocks("2a 00 00000000 00 0001 00"),
  blocks("2e 00 00000000 00 0001 00"),
  plain("2f 00 00000000 00 0001 00"),
  plain("34 00 00000000 00 0001 00"),
  plain("35 00 00000000 00 0000 00"),
  reads("37 00 00 00000000 00ff 00"),
  blocks("41 00 00000000 00 0001 00"),
  { cdb: hex("42 00 00000000 00 0018 00"), dataOut: unmapList([[0, 1]]) },
  lists("48 01 0000000000 0005 00", "0100000100"),
  plain("48 02 0000000000 0000 00"),
  plain("48 1f 0000000000 0000 00"),
  reads("4d 00 40 00 00 0000 00ff 00"),
  lists("55 10 00 00 00 00 00 0008 00", "0000000000000000"),
  plain("56 00 00 00 00 00 00 0000 00"),
  plain("57 00 00 00 00 00 00 0000 00"),
  reads("5a 00 3f 00 00 00 00 00ff 00"),
  reads("5e 00 0000000000 00ff 00"),
  reads("5e 01 0000000000 00ff 00"),
  reads("5e 02 0000000000 00ff 00"),
  reads("5e 03 0000000000 00ff 00"),
  reserves("00", "GOOD"),
  reserves("01", CONFLICT),
  reserves("02", CONFLICT),
  reserves("03", CONFLICT),
  reserves("04", CONFLICT),
  reserves("05", CONFLICT),
  reserves("06", "GOOD"),
  // REGISTER AND MOVE, with a TransportID.
  lists(
    "5f 07 01 0000 00000044 00",
    `${"00".repeat(15)}01 0000 0001 0000002c 45 00 0028 ${MOVED_TO}`,
    CONFLICT,
  ),
  // No list at all is no error; neither is one of no segments.
  plain("83 00 0000000000000000 00000000 00 00"),
  // There is no copy to tell of.
  { ...reads("84 00 05 00000000000000 000000ff 00 00"), verdict: "5 24/00" },
  reads("84 03 00 00000000000000 000000ff 00 00"),
  { ...reads("84 04 05 00000000000000 000000ff 00 00"), verdict: "5 24/00" },
  reads("88 00 0000000000000000 00000001 00 00", BLOCK),
  {
    ...blocks("89 00 0000000000000000 000000 01 00 00", 2),
  },
  blocks("8a 00 0000000000000000 00000001 00 00"),
  blocks("8b 00 0000000000000000 00000001 00 00"),
  blocks("8e 00 0000000000000000 00000001 00 00"),
  plain("8f 00 0000000000000000 00000001 00 00"),
  plain("90 00 0000000000000000 00000001 00 00"),
  plain("91 00 0000000000000000 00000000 00 00"),
  blocks("93 00 0000000000000000 00000001 00 00"),
  blocks("9c 00 0000000000000000 0000 0001 00 00"),
  reads("9e 10 0000000000000000 00000020 00 00", 32),
  reads("9e 12 0000000000000000 00000018 00 00", 24),
  reads("a0 00 00 000000 00000010 00 00", 16),
  reads("a3 0a 0000 0000 000000ff 00 00"),
  reads("a3 0c 00 00 0000 000000ff 00 00"),
  reads("a3 0d 00 00 0000 000000ff 00 00"),
  reads("a8 00 00000000 00000001 00 00", BLOCK),
  blocks("aa 00 00000000 00000001 00 00"),
  blocks("ae 00 00000000 00000001 00 00"),
  plain("af 00 00000000 00000001 00 00"),
  reads("b7 00 00000000 000000ff 00 00"),
];
