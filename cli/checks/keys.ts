/** Whether this machine's certificates are valid at the time that its clock shows. */

import { messageOf } from "../../lib/base/errors.ts";
import { IdentityDocument, readDocument } from "../../lib/daemon/documents.ts";
import { joinedNodes } from "../../lib/daemon/joined.ts";
import { StateFolder } from "../../lib/daemon/state_folder.ts";
import { readCertificatePem } from "../../lib/pki/certificate.ts";
import { formatDuration } from "../duration.ts";
import type { Check, Finding } from "./finding.ts";

export const checkKeys: Check = (stateDir) => {
  const folder = new StateFolder(stateDir);
  const nowMs = Date.now();
  const findings: Finding[] = [];
  try {
    const node = readDocument(folder.identity, IdentityDocument);
    if (node) {
      findings.push(
        judge({
          check: "this node's certificate",
          pem: node.certificatePem,
          nowMs,
        }),
      );
    }
    for (const { address, certificatePem: pem } of joinedNodes(folder)) {
      findings.push(judge({ check: `certificate for ${address}`, pem, nowMs }));
    }
  } catch (thrown) {
    findings.push({
      check: "keys",
      state: "failed",
      found: messageOf(thrown),
      advice:
        "Put the file back from a copy, or make a new node, or join again.",
    });
  }
  return Promise.resolve(
    findings.length > 0 ? findings : [{
      check: "keys",
      state: "skipped",
      found: "no node here, and none joined",
    }],
  );
};

function judge(
  { check, pem, nowMs }: { check: string; pem: string; nowMs: number },
): Finding {
  const { notBeforeMs, notAfterMs } = readCertificatePem(pem);
  const at = (ms: number) => new Date(ms).toISOString();
  if (nowMs < notBeforeMs) {
    return {
      check,
      state: "failed",
      found: `begins ${at(notBeforeMs)}, and the clock says ${at(nowMs)}`,
      advice:
        "This machine's clock is behind: set it (timedatectl set-ntp true).",
    };
  }
  if (nowMs >= notAfterMs) {
    return {
      check,
      state: "failed",
      found: `ended ${at(notAfterMs)}, and the clock says ${at(nowMs)}`,
      advice:
        "Set the clock if it is ahead (timedatectl set-ntp true); else have the node invite this device anew, and join.",
    };
  }
  return {
    check,
    state: "ok",
    found: `valid for ${formatDuration(notAfterMs - nowMs)} by this clock`,
  };
}
