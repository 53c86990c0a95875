import { expect } from "expect";
import { instructions } from "./instructions.ts";

const ASK = {
  portal: { hostname: "127.0.0.1", port: 3260 },
  iqn: "iqn.2026-11.internal.vault:0123456789ab.photos",
  chap: false,
};

Deno.test("the commands for open-iscsi, Windows and QEMU, exactly", () => {
  const node = `sudo iscsiadm -m node -T ${ASK.iqn} -p 127.0.0.1:3260`;
  expect(instructions(ASK)).toEqual([
    {
      initiator: "open-iscsi",
      login: [`${node} -o new`, `${node} --login`],
      logout: [`${node} --logout`, `${node} -o delete`],
    },
    {
      initiator: "Windows (PowerShell as Administrator)",
      login: [
        "Start-Service MSiSCSI",
        "New-IscsiTargetPortal -TargetPortalAddress '127.0.0.1' -TargetPortalPortNumber 3260",
        `Connect-IscsiTarget -NodeAddress '${ASK.iqn}' -TargetPortalAddress '127.0.0.1' -TargetPortalPortNumber 3260`,
      ],
      logout: [
        `Disconnect-IscsiTarget -NodeAddress '${ASK.iqn}' -Confirm:$false`,
        "Remove-IscsiTargetPortal -TargetPortalAddress '127.0.0.1' -Confirm:$false",
      ],
    },
    {
      initiator: "QEMU",
      login: [
        `qemu-img info iscsi://127.0.0.1:3260/${ASK.iqn}/0`,
        `qemu-system-x86_64 -drive driver=iscsi,transport=tcp,portal=127.0.0.1:3260,target=${ASK.iqn},lun=0,if=virtio …`,
      ],
      logout: [],
    },
  ]);
});

Deno.test("with CHAP, each takes the secret from a file and none shows it among the processes", () => {
  for (const { login } of instructions({ ...ASK, chap: true })) {
    const lines = login.filter((line) => line.includes("SECRET-FILE"));
    expect(lines.length).toBeGreaterThan(0);
    for (const line of lines) {
      expect(line).toMatch(
        /cat SECRET-FILE; echo\) \||\(Get-Content SECRET-FILE\)|file=SECRET-FILE/,
      );
    }
  }
});

Deno.test("an IPv6 portal stands in brackets where a port follows", () => {
  const portal = { hostname: "::1", port: 3260 };
  const [openIscsi, windows, qemu] = instructions({ ...ASK, portal });
  expect(openIscsi?.login[0]).toContain("-p [::1]:3260 ");
  expect(windows?.login[1]).toContain("-TargetPortalAddress '::1' ");
  expect(qemu?.login[0]).toContain("iscsi://[::1]:3260/");
});
