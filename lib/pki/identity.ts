/**
 * Who is who: the shapes in which certificates and keys are kept. All of it is plain JSON, in PEM, and stays on the machine that
 * made it except for certificates, which are public.
 */

/** A certificate and the private key that belongs to it. The key is secret: files that hold it are mode 0600. */
export interface Credentials {
  /** X.509, PEM. */
  readonly certificatePem: string;
  /** Ed25519 private key, PKCS#8, PEM. */
  readonly keyPem: string;
}

/** A node's own certificate authority: it signs the node's certificate and those of the node's devices, and nobody else's. */
export type Authority = Credentials;

/** What `vault serve` is. Its key stays the same for its whole life, so that devices can pin it; only the certificate is renewed. */
export interface NodeIdentity extends Credentials {
  /** SHA-256 of the node's public key (SubjectPublicKeyInfo, DER) in lower-case hexadecimal digits. */
  readonly nodeId: string;
  /** The certificate of the authority that signed the node's, PEM. */
  readonly caPem: string;
}

/** What an enrolled device keeps of itself and of its node. */
export interface DeviceIdentity extends Credentials {
  readonly name: string;
  /** The pinned authority of the node, PEM. */
  readonly caPem: string;
  /** The pinned key of the node: see {@linkcode NodeIdentity.nodeId}. */
  readonly nodeId: string;
  /** HOST:PORT under which the node was joined. */
  readonly address: string;
}
