import { expect } from "expect";
import { utf8 } from "../base/bytes.ts";
import { PeerError } from "../base/errors.ts";
import { LOGIN_REQUEST, LOGIN_RESPONSE, NOP_OUT } from "../iscsi/pdu/opcode.ts";
import { MAX_TEXT_BYTES } from "../iscsi/text.ts";
import { LoginWatch } from "./login_watch.ts";

const TRANSIT_TO_FULL_FEATURE = 0x87;

function pdu(opcode: number, text: string, flags = 0, status = 0) {
  const bhs = new Uint8Array(48);
  bhs[0] = opcode;
  bhs[1] = flags;
  bhs[36] = status;
  return [bhs, utf8(text)] as const;
}
const request = (text: string, flags = 0) => pdu(LOGIN_REQUEST, text, flags);
const response = (text: string, flags = 0, status = 0) =>
  pdu(LOGIN_RESPONSE, text, flags, status);

Deno.test("the target's answer settles what the initiator offers", () => {
  const watch = new LoginWatch();
  expect(
    watch.see(...request("HeaderDigest=CRC32C,None\0DataDigest=None,CRC32C\0")),
  ).toBeUndefined();
  expect(
    watch.see(
      ...response(
        "HeaderDigest=CRC32C\0DataDigest=None\0",
        TRANSIT_TO_FULL_FEATURE,
      ),
    ),
  )
    .toEqual({ header: true, data: false });
});

Deno.test("the initiator's answer settles what the target offers, and an early answer holds until the end", () => {
  const watch = new LoginWatch();
  watch.see(...request("InitiatorName=iqn.x\0"));
  watch.see(...response("DataDigest=CRC32C,None\0"));
  watch.see(...request("DataDigest=CRC32C\0HeaderDigest=CRC32C\0"));
  watch.see(...response("HeaderDigest=CRC32C\0"));
  expect(watch.see(...response("", TRANSIT_TO_FULL_FEATURE))).toEqual({
    header: true,
    data: true,
  });
});

Deno.test("a pair split over continued PDUs counts once it is whole", () => {
  const watch = new LoginWatch();
  watch.see(...request("HeaderDig", 0x40));
  watch.see(...response(""));
  watch.see(...request("est=CRC32C\0"));
  expect(
    watch.see(...response("HeaderDigest=CRC32C\0", TRANSIT_TO_FULL_FEATURE)),
  ).toEqual({ header: true, data: false });
});

Deno.test("no digest without an agreement, no end without success", () => {
  const watch = new LoginWatch();
  watch.see(...request("HeaderDigest=CRC32C\0"));
  expect(watch.see(...response("", TRANSIT_TO_FULL_FEATURE, 2)))
    .toBeUndefined();
  expect(watch.see(...response("", 0x81))).toBeUndefined();
  expect(
    watch.see(...response("HeaderDigest=Reject\0", TRANSIT_TO_FULL_FEATURE)),
  ).toEqual({ header: false, data: false });
});

Deno.test("anything but a Login PDU and endless text are the peer's fault", () => {
  expect(() => new LoginWatch().see(...pdu(NOP_OUT, ""))).toThrow(PeerError);
  const watch = new LoginWatch();
  watch.see(...request("x".repeat(MAX_TEXT_BYTES), 0x40));
  expect(() => watch.see(...request("x", 0x40))).toThrow(PeerError);
});

Deno.test("a conversation that is for one target takes no login to another, however the name is cut or written", () => {
  const only = () => new LoginWatch("iqn.2001-04.example:a");
  only().see(...request("SessionType=Discovery\0"));
  only().see(...request("TargetName=IQN.2001-04.example:A\0"));
  const other = "TargetName=iqn.2001-04.example:b\0";
  expect(() => only().see(...request(other))).toThrow(PeerError);
  expect(() => only().see(...request("TargetName=iqn.2001-04.example:aa\0")))
    .toThrow(PeerError);
  const cut = only();
  cut.see(...request(other.slice(0, 15), 0x40));
  expect(() => cut.see(...request(other.slice(15)))).toThrow(PeerError);
  const late = only();
  late.see(...request("TargetName=iqn.2001-04.example:a\0"));
  late.see(...response(""));
  expect(() => late.see(...request(other))).toThrow(PeerError);
  new LoginWatch().see(...request(other));
});

Deno.test("whether lost PDUs are recovered is what both have agreed on", () => {
  const agreed = (offer: string, answer: string) => {
    const watch = new LoginWatch();
    watch.see(...request(offer));
    watch.see(...response(answer, TRANSIT_TO_FULL_FEATURE));
    return watch.recoversNothing;
  };
  const level = (n: number) => `ErrorRecoveryLevel=${n}\0`;
  expect(agreed(level(2), level(0))).toBe(true);
  expect(agreed("InitiatorName=iqn.x\0", "TargetPortalGroupTag=1\0")).toBe(
    true,
  );
  expect(agreed(level(2), level(1))).toBe(false);
  expect(agreed(level(2), level(2))).toBe(false);
});
