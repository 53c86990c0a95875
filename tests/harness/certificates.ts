/** Certificates made by openssl: for stunnel, and for intruders of every kind. */
import { runOk } from "./process.ts";
import type { TempDir } from "./temp_dir.ts";

/** Paths of one certificate and its private key, both PEM. */
export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

/** A certificate authority in a test's folder. */
export class TestAuthority implements CertificateFiles {
  readonly cert: string;
  readonly key: string;
  readonly #dir: TempDir;
  readonly #name: string;

  private constructor(dir: TempDir, name: string) {
    this.#dir = dir;
    this.#name = name;
    this.cert = dir.at(`${name}.crt`);
    this.key = dir.at(`${name}.key`);
  }

  /** An authority that is there already, by its PEM texts. */
  static from(
    dir: TempDir,
    name: string,
    pem: { cert: string; key: string },
  ): TestAuthority {
    dir.write(`${name}.crt`, pem.cert);
    dir.write(`${name}.key`, pem.key);
    return new TestAuthority(dir, name);
  }

  /** Makes one whose subject is `commonName`. */
  static async create(
    dir: TempDir,
    name = "ca",
    commonName = name,
  ): Promise<TestAuthority> {
    const authority = new TestAuthority(dir, name);
    await openssl([
      ...["req", "-x509", "-newkey", "ed25519"],
      ...["-nodes", "-keyout", authority.key, "-out", authority.cert],
      ...["-days", "2", "-subj", `/CN=${commonName}`],
      ...["-addext", "basicConstraints=critical,CA:TRUE"],
      ...["-addext", "keyUsage=critical,keyCertSign,cRLSign"],
    ]);
    return authority;
  }

  /** Issues a certificate for both TLS roles on 127.0.0.1 and localhost. An expired one ended yesterday. */
  async issue(
    name: string,
    options: { expired?: boolean } = {},
  ): Promise<CertificateFiles> {
    const stem = `${this.#name}-${name}`;
    const files = {
      cert: this.#dir.at(`${stem}.crt`),
      key: this.#dir.at(`${stem}.key`),
    };
    const request = this.#dir.at(`${stem}.csr`);
    const extensions = this.#dir.write(
      `${stem}.ext`,
      "basicConstraints=CA:FALSE\nkeyUsage=digitalSignature\n" +
        "extendedKeyUsage=serverAuth,clientAuth\n" +
        "subjectAltName=DNS:localhost,IP:127.0.0.1\n",
    );
    await openssl([
      ...["req", "-newkey", "ed25519", "-nodes"],
      ...["-keyout", files.key, "-out", request, "-subj", `/CN=${name}`],
    ]);
    // A negative life ends in the past, whatever the clock says.
    await openssl([
      ...["x509", "-req", "-in", request, "-CA", this.cert, "-CAkey", this.key],
      ...["-CAcreateserial", "-days", options.expired ? "-1" : "2"],
      ...["-extfile", extensions, "-out", files.cert],
    ]);
    return files;
  }
}

async function openssl(args: string[]): Promise<void> {
  await runOk({ command: "openssl", args });
}
