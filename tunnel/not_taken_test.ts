import { expect } from "expect";
import { ConnectionLost, VaultError } from "../lib/base/errors.ts";
import { notTaken } from "./not_taken.ts";
import { startNode } from "./testing/node.ts";

const NOW = Date.now();
const DAY_MS = 86_400_000;

async function devices() {
  const node = await startNode();
  const other = await startNode();
  const laptop = await node.device("laptop");
  const foreign = await other.device("laptop");
  await node.stop();
  await other.stop();
  return { laptop, foreign: { ...foreign, caPem: laptop.caPem } };
}

Deno.test("a cut is laid to the certificate where it is at fault, and only there", async () => {
  const { laptop, foreign } = await devices();
  const cut = new ConnectionLost("cut");
  const told = async (
    thrown: unknown,
    identity = laptop,
    nowMs = NOW,
  ) => await notTaken(thrown, { identity, address: "a:1", nowMs });
  expect(await told(cut)).toBeUndefined();
  expect(await told(cut, foreign)).toMatchObject({
    kind: "refused",
    message: expect.stringContaining("not of the node's authority"),
  });
  for (
    const [days, what] of [[366, "expired at"], [-2, "begins at"]] as const
  ) {
    expect(await told(cut, laptop, NOW + days * DAY_MS)).toMatchObject({
      kind: "refused",
      message: expect.stringContaining(what),
    });
  }
  // Before TLS was through, a connection that had been reached was cut.
  const early = new VaultError("closed", { kind: "unreachable", cause: cut });
  expect((await told(early, foreign))?.kind).toBe("refused");
  // Nobody answered: whatever the certificate is, nobody has refused it.
  const nobody = new VaultError("nobody", { kind: "unreachable" });
  expect(await told(nobody, foreign)).toBeUndefined();
});

Deno.test("what the node's TLS says of the certificate counts, where it says anything", async () => {
  const { laptop } = await devices();
  const told = async (code: string) => {
    const cause = Object.assign(new Error(`alert ${code}`), { code });
    const thrown = new ConnectionLost("cut", { cause });
    const dialled = { identity: laptop, address: "a:1", nowMs: NOW };
    return (await notTaken(thrown, dialled))?.kind;
  };
  for (
    const code of [
      "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED",
      "ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED",
      "ERR_SSL_TLSV1_ALERT_UNKNOWN_CA",
    ]
  ) expect(await told(code)).toBe("refused");
  for (const code of ["ECONNRESET", "ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR"]) {
    expect(await told(code)).toBeUndefined();
  }
});
