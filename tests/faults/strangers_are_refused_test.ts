/** Who has no certificate, a wrong one, an old one or an old protocol is refused before it learns or does anything. */
import { expect } from "expect";
import {
  type CertificateFiles,
  TestAuthority,
} from "../harness/certificates.ts";
import { onlyDisk } from "../harness/libiscsi.ts";
import { freePort } from "../harness/loopback.ts";
import { run } from "../harness/process.ts";
import { scenario } from "../harness/scenario.ts";
import { Tunnel } from "../harness/vault.ts";

/** A server that waits for more than a handshake has let the client in. */
const DECIDED_WITHIN_MS = 4000;
const STILL_CONNECTED = 124;
const REFUSED = 4;
/** What the tunnel's own client asks for, see PROTOCOL.md. */
const ALPN = "vault/1";
const SERVER_NAME = "node.vault.internal";

interface Credentials {
  certificatePem: string;
  keyPem: string;
}

scenario("openssl is refused without a certificate that the node gave out", {
  peers: ["openssl", "iscsi-ls"],
}, async () => {
  await using tunnel = await Tunnel.open({
    volumes: [{ name: "disk", size: "16MiB" }],
  });
  const { dir } = tunnel;
  const own = storedCredentials(tunnel);
  const enrolled = {
    cert: dir.write("own.crt", own.document.certificatePem),
    key: dir.write("own.key", own.document.keyPem),
  };
  const authority = nodeAuthority(tunnel);
  const foreign = await TestAuthority.create(dir, "foreign");
  const connect = (files: CertificateFiles | undefined, ...more: string[]) =>
    run({
      command: "openssl",
      args: [
        ...[
          "s_client",
          "-connect",
          `127.0.0.1:${tunnel.servePort}`,
          "-ign_eof",
        ],
        ...["-servername", SERVER_NAME, "-alpn", ALPN],
        ...["-CAfile", authority.cert],
        ...(files === undefined
          ? []
          : ["-cert", files.cert, "-key", files.key]),
        ...more,
      ],
      timeoutMs: DECIDED_WITHIN_MS,
    });

  // The one that is let in, so that the others are not refused for how they ask.
  expect((await connect(enrolled)).code).toBe(STILL_CONNECTED);

  const strangers: [string, CertificateFiles | undefined, ...string[]][] = [
    ["no certificate", undefined],
    ["a foreign CA", await foreign.issue("laptop")],
    [
      "a foreign CA of the same name",
      await (await sameName(tunnel)).issue("laptop"),
    ],
    ["an expired certificate", await authority.issue("old", { expired: true })],
    ["TLS 1.2", enrolled, "-tls1_2"],
    ["TLS 1.2 without a certificate", undefined, "-tls1_2"],
  ];
  for (const [who, files, ...more] of strangers) {
    const { code, stdout } = await connect(files, ...more);
    expect([who, code === STILL_CONNECTED]).toEqual([who, false]);
    expect([who, /iqn|disk/.test(stdout)]).toEqual([who, false]);
    if (who.startsWith("TLS 1.2")) {
      expect([who, stdout.includes("Cipher is (NONE)")]).toEqual([who, true]);
    }
  }
  // Nobody else was disturbed.
  await onlyDisk(tunnel.portal);
});

scenario(
  "the project's own client is refused with a certificate that the node does not know",
  {
    peers: ["openssl", "iscsi-ls"],
  },
  async () => {
    await using tunnel = await Tunnel.open({
      volumes: [{ name: "disk", size: "16MiB" }],
    });
    const own = storedCredentials(tunnel);
    await tunnel.attach.stop();
    const authority = nodeAuthority(tunnel);
    const foreign = await TestAuthority.create(tunnel.dir, "foreign");
    const notEnrolled = await authority.issue("laptop");
    const expired = await authority.issue("laptop-old", { expired: true });
    const impostors: [CertificateFiles, RegExp][] = [
      [notEnrolled, /not that of an enrolled device/],
      [expired, /does not take this device's certificate: it expired at/],
      [await foreign.issue("laptop"), /it is not of the node's authority/],
    ];
    const attach = (portal = freePort()) =>
      tunnel.device.run(["attach", "disk", "--portal", `127.0.0.1:${portal}`], {
        timeoutMs: 20_000,
      });
    for (const [files, why] of impostors) {
      own.replace({
        certificatePem: Deno.readTextFileSync(files.cert),
        keyPem: Deno.readTextFileSync(files.key),
      });
      const { code, stderr } = await attach();
      expect(`${code} ${stderr}`).toMatch(new RegExp(`^${REFUSED} `));
      expect(stderr).toMatch(why);
      expect(stderr).toContain("vault: hint:");
    }
    // Somebody else's key with the right certificate: what makes the device is the key.
    own.replace({
      ...own.document,
      keyPem: Deno.readTextFileSync(notEnrolled.key),
    });
    expect((await attach()).code).not.toBe(0);
    // With its own again it is let in: 124 is the run's end, not the program's.
    own.replace(own.document);
    const port = freePort();
    await using _again = await tunnel.device.daemon(
      ["attach", "disk", "--portal", `127.0.0.1:${port}`],
      port,
    );
    await onlyDisk(`127.0.0.1:${port}`);
  },
);

/** The node's own authority, taken from its state folder: what only a thief of that folder, or a CA that errs, could sign with. */
function nodeAuthority(tunnel: Tunnel): TestAuthority {
  const stolen = JSON.parse(
    Deno.readTextFileSync(`${tunnel.node.state}/node/ca.json`),
  ) as Credentials;
  return TestAuthority.from(tunnel.dir, "stolen", {
    cert: stolen.certificatePem,
    key: stolen.keyPem,
  });
}

/** Another authority that calls itself what the node's is called. */
async function sameName(tunnel: Tunnel): Promise<TestAuthority> {
  const { cert } = nodeAuthority(tunnel);
  const { stdout } = await run({
    command: "openssl",
    args: ["x509", "-in", cert, "-noout", "-subject", "-nameopt", "multiline"],
  });
  const name = /commonName\s*=\s*(.*)/.exec(stdout)?.[1] ?? "vault";
  return await TestAuthority.create(tunnel.dir, "twin", name);
}

/** What the device keeps of the node that it has joined, and a way to put something else there. */
function storedCredentials(tunnel: Tunnel) {
  const folder = `${tunnel.device.state}/nodes`;
  const [entry] = Deno.readDirSync(folder);
  const path = `${folder}/${entry!.name}`;
  const document = JSON.parse(Deno.readTextFileSync(path)) as
    & Credentials
    & Record<string, unknown>;
  return {
    document,
    replace(credentials: Credentials) {
      const { certificatePem, keyPem } = credentials;
      Deno.writeTextFileSync(
        path,
        JSON.stringify({ ...document, certificatePem, keyPem }),
      );
    },
  };
}
