import { expect } from "expect";
import { PeerError, VaultError } from "../base/errors.ts";
import {
  CLOCK_SLACK_MS,
  createAuthority,
  createDeviceRequest,
  createNodeIdentity,
  issueDeviceCertificate,
  LEAF_LIFETIME_MS,
  nodeIdOf,
} from "./authority.ts";
import {
  factsOf,
  fingerprintOf,
  isCurrent,
  isSignedBy,
  keyIdOf,
  readCertificate,
  readCertificatePem,
  renewalDue,
} from "./certificate.ts";
import { derOf } from "./keys.ts";
import { PemConverter, Pkcs10CertificateRequestGenerator } from "./x509.ts";

const NOW = Date.now();

async function node() {
  const authority = await createAuthority({ nowMs: NOW });
  const identity = await createNodeIdentity({ authority, nowMs: NOW });
  return { authority, identity };
}

async function device(authority: { certificatePem: string; keyPem: string }) {
  const { request } = await createDeviceRequest();
  return await issueDeviceCertificate({
    authority,
    request,
    name: "laptop",
    nowMs: NOW,
  });
}

Deno.test("the node's and a device's certificates are what the authority says they are", async () => {
  const { authority, identity } = await node();
  const ca = readCertificatePem(authority.certificatePem);
  const leaf = readCertificatePem(identity.certificatePem);
  const laptop = await device(authority);
  expect([ca.isAuthority, leaf.isAuthority, laptop.isAuthority]).toEqual([
    true,
    false,
    false,
  ]);
  expect([leaf.forServer, leaf.forClient]).toEqual([true, false]);
  expect([laptop.forServer, laptop.forClient]).toEqual([false, true]);
  expect(laptop.subject).toBe("CN=laptop");
  for (const certificate of [leaf, laptop]) {
    expect(await isSignedBy(certificate, ca)).toBe(true);
    expect(isCurrent(certificate, NOW)).toBe(true);
    expect(isCurrent(certificate, NOW + LEAF_LIFETIME_MS)).toBe(false);
    expect(isCurrent(certificate, NOW - CLOCK_SLACK_MS - 1000)).toBe(false);
  }
});

Deno.test("a certificate of another authority of the same name is not signed by this one", async () => {
  const [ours, theirs] = [await node(), await node()];
  const ca = readCertificatePem(ours.authority.certificatePem);
  const foreign = readCertificatePem(theirs.identity.certificatePem);
  expect(foreign.issuer).toBe(ca.subject);
  expect(await isSignedBy(foreign, ca)).toBe(false);
});

Deno.test("a leaf signs for nobody", async () => {
  const { authority, identity } = await node();
  const forged = await device({
    certificatePem: identity.certificatePem,
    keyPem: identity.keyPem,
  });
  expect(
    await isSignedBy(forged, readCertificatePem(identity.certificatePem)),
  ).toBe(false);
  expect(await isSignedBy(forged, readCertificatePem(authority.certificatePem)))
    .toBe(false);
});

Deno.test("a renewed node has the same key and another certificate", async () => {
  const { authority, identity } = await node();
  const renewed = await createNodeIdentity({
    authority,
    nowMs: NOW,
    previous: identity,
  });
  expect(renewed.nodeId).toBe(identity.nodeId);
  expect(await nodeIdOf(renewed.certificatePem)).toBe(identity.nodeId);
  expect(renewed.certificatePem).not.toBe(identity.certificatePem);
});

Deno.test("renewal is due in the last third of a certificate's life", async () => {
  const { identity } = await node();
  const pem = identity.certificatePem;
  expect(renewalDue(pem, NOW)).toBe(false);
  // Made while the clock was ahead by years: it would be good for nothing until then.
  expect(renewalDue(pem, NOW - 10 * LEAF_LIFETIME_MS)).toBe(true);
  expect(renewalDue(pem, NOW + LEAF_LIFETIME_MS * 0.6)).toBe(false);
  expect(renewalDue(pem, NOW + LEAF_LIFETIME_MS * 0.7)).toBe(true);
});

Deno.test("a request that its key did not sign is refused", async () => {
  const { authority } = await node();
  const { request } = await createDeviceRequest();
  const ask = (bytes: Uint8Array) =>
    issueDeviceCertificate({
      authority,
      request: bytes,
      name: "laptop",
      nowMs: NOW,
    });
  const forged = request.slice();
  forged[forged.length - 1]! ^= 1;
  await expect(ask(forged)).rejects.toThrow(PeerError);
  await expect(ask(new Uint8Array())).rejects.toThrow(PeerError);
  await expect(ask(request.subarray(0, 40))).rejects.toThrow(PeerError);
  await expect(ask(new Uint8Array(5000))).rejects.toThrow(PeerError);
});

Deno.test("a request for a key of another kind is refused", async () => {
  const { authority } = await node();
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const keys = await crypto.subtle.generateKey(algorithm, true, [
    "sign",
    "verify",
  ]) as CryptoKeyPair;
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: "CN=x",
    keys,
    signingAlgorithm: algorithm,
  });
  await expect(issueDeviceCertificate({
    authority,
    request: new Uint8Array(request.rawData),
    name: "laptop",
    nowMs: NOW,
  })).rejects.toThrow(PeerError);
});

Deno.test("a bad name is never certified", async () => {
  const { authority } = await node();
  const { request } = await createDeviceRequest();
  for (const name of ["", "A", "a b", "-a", "a-", "a.b", "x".repeat(64), "é"]) {
    await expect(
      issueDeviceCertificate({ authority, request, name, nowMs: NOW }),
    ).rejects.toThrow(VaultError);
  }
});

Deno.test("reading a certificate throws nothing but PeerError at junk", async () => {
  const { identity } = await node();
  const der = derOf(identity.certificatePem);
  expect(readCertificate(der).der).toEqual(der);
  for (let length = 0; length < der.length; length++) {
    expect(() => readCertificate(der.subarray(0, length))).toThrow(PeerError);
  }
  const longer = new Uint8Array(der.length + 1);
  longer.set(der);
  expect(() => readCertificate(longer)).toThrow(PeerError);
  expect(() => readCertificate(new Uint8Array(5000))).toThrow(PeerError);
  for (let at = 0; at < der.length; at++) {
    const flipped = der.slice();
    flipped[at]! ^= 0x41;
    try {
      readCertificate(flipped);
    } catch (thrown) {
      expect(thrown).toBeInstanceOf(PeerError);
    }
  }
});

Deno.test("openssl finds the same fingerprint and accepts the chain", async () => {
  const { authority, identity } = await node();
  const laptop = await device(authority);
  const dir = await Deno.makeTempDir();
  try {
    const write = (name: string, pem: string) =>
      Deno.writeTextFileSync(`${dir}/${name}`, pem);
    write("ca.pem", authority.certificatePem);
    write("node.pem", identity.certificatePem);
    write(
      "laptop.pem",
      PemConverter.encode(laptop.der, "CERTIFICATE"),
    );
    const openssl = async (...args: string[]) => {
      const { code, stdout, stderr } = await new Deno.Command("openssl", {
        args,
        cwd: dir,
      }).output();
      const text = new TextDecoder();
      return { code, out: text.decode(stdout) + text.decode(stderr) };
    };
    for (
      const [file, purpose] of [["node", "sslserver"], ["laptop", "sslclient"]]
    ) {
      const { out } = await openssl(
        ..."verify -x509_strict -CAfile ca.pem -purpose".split(" "),
        purpose!,
        `${file}.pem`,
      );
      expect(out).toContain(`${file}.pem: OK`);
    }
    const wrong = await openssl(
      ..."verify -CAfile ca.pem -purpose sslserver laptop.pem".split(" "),
    );
    expect(wrong.code).not.toBe(0);
    const { out } = await openssl(
      ..."x509 -noout -fingerprint -sha256 -serial -in laptop.pem".split(" "),
    );
    const facts = await factsOf(laptop);
    expect(out.replaceAll(":", "").toLowerCase()).toContain(facts.fingerprint);
    expect(out.toLowerCase()).toContain(`serial=${facts.serial}`);
    expect(await fingerprintOf(Deno.readTextFileSync(`${dir}/laptop.pem`)))
      .toBe(facts.fingerprint);
    expect(await keyIdOf(readCertificatePem(identity.certificatePem)))
      .toBe(identity.nodeId);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
