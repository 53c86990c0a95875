/**
 * Between the two processes there is no byte of plaintext, no iSCSI name, no CHAP name, from enrolment to the last block. The same
 * words are looked for between initiator and portal, where they must be found: so the search is a search.
 */
import { expect } from "expect";
import { CAPTURE_PEERS, captured, holds } from "../harness/capture.ts";
import { listDisks } from "../harness/libiscsi.ts";
import { freePort } from "../harness/loopback.ts";
import { qemuIoOk } from "../harness/qemu.ts";
import { scenario } from "../harness/scenario.ts";
import {
  createVolume,
  enrol,
  Machine,
  startAttach,
  startServe,
} from "../harness/vault.ts";
import { TempDir } from "../harness/temp_dir.ts";
import { setChap } from "../harness/vault_chap.ts";

const VOLUME = "family-photos";
const CHAP = { user: "chap-user-alice", secret: "correct-horse-1" };
/** qemu-io fills with one byte; sixteen of it in a row do not come about by chance. */
const PATTERN = 0xc3;

scenario("nothing readable crosses the wire", {
  peers: [...CAPTURE_PEERS, "iscsi-ls", "qemu-io", "qemu-iscsi"],
  timeoutMs: 120_000,
}, async () => {
  using dir = new TempDir();
  const [servePort, portalPort] = [freePort(), freePort()];
  const [node, device] = [
    new Machine(dir.at("node")),
    new Machine(dir.at("device")),
  ];
  let atPortal = new Uint8Array();
  let iqn = "";
  const between = await captured(servePort, async () => {
    atPortal = new Uint8Array(
      await captured(portalPort, async () => {
        await using _serve = await startServe(node, servePort);
        await createVolume(node, { name: VOLUME, size: "32MiB" });
        await setChap(node, VOLUME, CHAP);
        await enrol({ node, device, name: "alices-laptop", port: servePort });
        await using _attach = await startAttach(device, VOLUME, { portalPort });
        const [disk] = await listDisks(`127.0.0.1:${portalPort}`, CHAP);
        iqn = disk!.iqn;
        await qemuIoOk(disk!.url, [
          `write -P ${PATTERN} 0 4M`,
          `read -P ${PATTERN} 0 4M`,
        ], { chap: CHAP });
      }),
    );
  });
  const inBoth = [
    iqn,
    "iqn.",
    VOLUME,
    CHAP.user,
    "InitiatorName",
    "SendTargets",
    "CHAP_",
    new Uint8Array(16).fill(PATTERN),
  ];
  // The bytes crossed both ways.
  expect(between.length).toBeGreaterThan(8 * 1024 * 1024);
  for (const word of inBoth) {
    expect([word, holds(atPortal, word)]).toEqual([word, true]);
    expect([word, holds(between, word)]).toEqual([word, false]);
  }
  for (const word of [CHAP.secret, "alices-laptop"]) {
    expect([word, holds(between, word)]).toEqual([word, false]);
  }
});
