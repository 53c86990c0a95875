import { expect } from "expect";
import { toHex, utf8 } from "../base/bytes.ts";
import { PeerError } from "../base/errors.ts";
import { systemPrimitives } from "../os/primitives.ts";
import {
  type Challenge,
  CHAP_ALGORITHMS,
  chooseAlgorithm,
  chosenAlgorithm,
  isReflected,
  makeChallenge,
  parseChallenge,
  renderChallenge,
  renderResponse,
  respond,
  verifyClaim,
} from "./chap.ts";

const SECRET = utf8("twelve-bytes");
const MD5 = "5556457cc89e8dda0538ee5adf61e56c";
const SHA1 = "900f65c1290c632a6030b262ca8092874634442d";
const SHA256 =
  "64cf21a7d3be42172e8159dafd3fc9148023f72468dc40cd18db00ef512ce864";
const SHA3_256 =
  "fa0c6c22ab7b17018a7edc092d5d516d73bf946c9af31b2321d6b00064008f82";

function challenge(algorithm: number, hash: Challenge["hash"]): Challenge {
  return {
    algorithm,
    hash,
    identifier: 0x27,
    challenge: Uint8Array.from({ length: 16 }, (_, i) => i),
  };
}

Deno.test("chap: a response is the hash over identifier, secret and challenge", () => {
  // Computed with Python's hashlib over 27, the secret, and 00 to 0f.
  const table: readonly [number, Challenge["hash"], string][] = [
    [5, "md5", MD5],
    [6, "sha1", SHA1],
    [7, "sha256", SHA256],
    [8, "sha3-256", SHA3_256],
  ];
  for (const [algorithm, hash, expected] of table) {
    const response = respond(challenge(algorithm, hash), {
      secret: SECRET,
      primitives: systemPrimitives,
    });
    expect(toHex(response)).toBe(expected);
  }
});

Deno.test("chap: the strongest algorithm that both have", () => {
  expect(CHAP_ALGORITHMS).toEqual([8, 7, 6, 5]);
  expect(chooseAlgorithm("5,6,7,8")?.hash).toBe("sha3-256");
  expect(chooseAlgorithm("5,7")?.hash).toBe("sha256");
  expect(chooseAlgorithm("5")?.hash).toBe("md5");
  expect(chooseAlgorithm("4,9,x")).toBe(undefined);
  expect(chooseAlgorithm("")).toBe(undefined);
  expect(chosenAlgorithm("7", [7, 5])).toBe(7);
  for (const value of ["9", "8", "7,5", ""]) {
    expect(() => chosenAlgorithm(value, [7, 5])).toThrow(PeerError);
  }
});

Deno.test("chap: challenges are 16 to 1024 bytes, identifiers one", () => {
  const text = (bytes: number) => ({
    CHAP_I: "255",
    CHAP_C: `0x${"ab".repeat(bytes)}`,
  });
  expect(parseChallenge(5, text(16)).challenge.length).toBe(16);
  expect(parseChallenge(5, text(1024)).challenge.length).toBe(1024);
  for (const bytes of [0, 15, 1025]) {
    expect(() => parseChallenge(5, text(bytes))).toThrow(PeerError);
  }
  for (const CHAP_I of ["256", "-1", "", "x"]) {
    expect(() => parseChallenge(5, { ...text(16), CHAP_I })).toThrow(PeerError);
  }
  const ours = makeChallenge(7, systemPrimitives);
  expect(parseChallenge(7, renderChallenge(ours))).toEqual(ours);
  expect(isReflected(ours, parseChallenge(7, renderChallenge(ours)))).toBe(
    true,
  );
  expect(isReflected(ours, makeChallenge(7, systemPrimitives))).toBe(false);
});

Deno.test("chap: a claim proves one of the users, or nobody", () => {
  const users = [
    { user: "anna", secret: SECRET },
    { user: "bert", secret: utf8("another-secret") },
  ];
  const asked = challenge(7, "sha256");
  const right = renderResponse(
    respond(asked, { secret: SECRET, primitives: systemPrimitives }),
  );
  const verify = (CHAP_N: string, CHAP_R: string) =>
    verifyClaim(
      { CHAP_N, CHAP_R },
      { challenge: asked, users, primitives: systemPrimitives },
    );
  expect(verify("anna", right)).toBe(users[0]);
  expect(verify("bert", right)).toBe(undefined);
  expect(verify("carl", right)).toBe(undefined);
  expect(verify("anna", right.slice(0, -2))).toBe(undefined);
  for (const wrong of ["", "0x", "xyz", `0x${"00".repeat(33)}`]) {
    expect(() => verify("anna", wrong)).toThrow(PeerError);
  }
  expect(() => verify("a".repeat(256), right)).toThrow(PeerError);
});

Deno.test("chap: an unknown user takes as many hashes as a wrong secret", () => {
  const asked = challenge(5, "md5");
  const steps = (CHAP_N: string) => {
    const taken: string[] = [];
    verifyClaim(
      { CHAP_N, CHAP_R: `0x${"00".repeat(16)}` },
      {
        challenge: asked,
        users: [{ user: "anna", secret: SECRET }],
        primitives: {
          random: (length) => {
            taken.push("random");
            return new Uint8Array(length);
          },
          hash: (name, ...parts) => {
            taken.push("hash");
            return systemPrimitives.hash(name, ...parts);
          },
          equal: (a, b) => {
            taken.push("equal");
            return systemPrimitives.equal(a, b);
          },
        },
      },
    );
    return taken;
  };
  expect(steps("nobody")).toEqual(steps("anna"));
});
