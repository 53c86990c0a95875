/**
 * Something in between that ends TLS on both sides and passes everything on, readable: it has a certificate with the node's names that
 * the node's own authority signed, and towards the node the device's own certificate and key. That is more than any middlebox has.
 */

import tls, { type TLSSocket } from "node:tls";
import type { Credentials } from "../../lib/pki/identity.ts";

export interface Middlebox {
  /** HOST:PORT. */
  readonly address: string;
  /** Bytes that it could read. */
  readonly seenBytes: () => number;
  close(): Promise<void>;
}

export async function startMiddlebox(
  options: {
    /** HOST:PORT of the node. */
    target: string;
    towardsDevice: Credentials;
    towardsNode: Credentials;
    caPem: string;
  },
): Promise<Middlebox> {
  const { towardsDevice, towardsNode, caPem } = options;
  const [host, port] = options.target.split(":") as [string, string];
  const sockets = new Set<TLSSocket>();
  let seen = 0;
  const join = (from: TLSSocket, to: TLSSocket) => {
    sockets.add(from);
    from.on("data", (bytes: Uint8Array) => {
      seen += bytes.length;
      to.write(bytes);
    });
    from.on("error", () => to.destroy());
    from.on("close", () => to.destroy());
  };
  const server = tls.createServer({
    cert: towardsDevice.certificatePem,
    key: towardsDevice.keyPem,
    ca: [caPem],
    requestCert: true,
    rejectUnauthorized: true,
    minVersion: "TLSv1.3",
    ALPNProtocols: ["vault/1", "vault-join/1"],
  }, (near: TLSSocket) => {
    const far = tls.connect({
      host,
      port: Number(port),
      servername: String((near as { servername?: unknown }).servername),
      ALPNProtocols: [String(near.alpnProtocol)],
      cert: towardsNode.certificatePem,
      key: towardsNode.keyPem,
      ca: [caPem],
      minVersion: "TLSv1.3",
    });
    join(near, far);
    join(far, near);
  });
  server.on("tlsClientError", () => {});
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const address = server.address();
  const bound = typeof address === "object" ? address!.port : 0;
  return {
    address: `127.0.0.1:${bound}`,
    seenBytes: () => seen,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise<unknown>((done) => server.close(done));
    },
  };
}
