/** Why a node's TLS does not take a device's certificate, told at the device's end. */

import { ConnectionLost, messageOf, VaultError } from "../lib/base/errors.ts";
import { isSignedBy, readCertificatePem } from "../lib/pki/certificate.ts";
import type { DeviceIdentity } from "../lib/pki/identity.ts";
import { isAboutCertificate } from "./transport_errors.ts";

/**
 * The node's TLS cuts where it does not take a certificate, and mostly says nothing of it: that it is so is seen by the certificate
 * itself, and by what TLS said where it did. Undefined: the certificate is as it has to be, and the cut meant something else.
 */
export async function notTaken(
  thrown: unknown,
  dialled: { identity: DeviceIdentity; address: string; nowMs: number },
): Promise<VaultError | undefined> {
  const { identity, address, nowMs } = dialled;
  const cut = thrown instanceof VaultError ? thrown.cause : thrown;
  if (!(cut instanceof ConnectionLost)) return undefined;
  const why = await faultOf(identity, nowMs) ??
    (isAboutCertificate(cut.cause) ? messageOf(cut.cause) : undefined);
  if (why === undefined) return undefined;
  return new VaultError(
    `The node at ${address} does not take this device's certificate: ${why}`,
    {
      kind: "refused",
      cause: thrown,
      hint:
        'if the clocks here and there are right, join it again: on the node, "vault invite NAME"',
    },
  );
}

/** Why no TLS of the pinned node can take the device's certificate. */
async function faultOf(
  { certificatePem, caPem }: DeviceIdentity,
  nowMs: number,
): Promise<string | undefined> {
  const own = readCertificatePem(certificatePem);
  if (!await isSignedBy(own, readCertificatePem(caPem))) {
    return "it is not of the node's authority";
  }
  if (!own.forClient) return "it is not that of a device";
  const at = (ms: number) => new Date(ms).toISOString();
  if (nowMs >= own.notAfterMs) return `it expired at ${at(own.notAfterMs)}`;
  if (nowMs < own.notBeforeMs) return `it begins at ${at(own.notBeforeMs)}`;
  return undefined;
}
