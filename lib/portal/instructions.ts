/** What a person types to log in by hand, for the initiators that people have. */

import { quote } from "./login_windows.ts";

export interface InstructionsAsk {
  /** Where the portal listens. */
  readonly portal: { readonly hostname: string; readonly port: number };
  readonly iqn: string;
  /** Whether the volume asks for CHAP. */
  readonly chap: boolean;
}

/** One initiator and its commands, a line each. USER and SECRET-FILE are the reader's to fill in. */
export interface Instruction {
  readonly initiator: string;
  readonly login: readonly string[];
  readonly logout: readonly string[];
}

/** For open-iscsi, Windows and QEMU, in this order. */
export function instructions(ask: InstructionsAsk): readonly Instruction[] {
  return [openIscsi(ask), windows(ask), qemu(ask)];
}

function address({ portal: { hostname, port } }: InstructionsAsk): string {
  return hostname.includes(":")
    ? `[${hostname}]:${port}`
    : `${hostname}:${port}`;
}

function openIscsi(ask: InstructionsAsk): Instruction {
  const node = `sudo iscsiadm -m node -T ${ask.iqn} -p ${address(ask)}`;
  const { hostname, port } = ask.portal;
  const record = `/etc/iscsi/nodes/${ask.iqn}/${hostname},${port}`;
  return {
    initiator: "open-iscsi",
    login: [
      `${node} -o new`,
      ...(ask.chap
        ? [
          `${node} -o update -n node.session.auth.authmethod -v CHAP`,
          `${node} -o update -n node.session.auth.username -v USER`,
          // With -v the secret would stand in the list of processes; iscsiadm itself takes it from nowhere else.
          `(printf 'node.session.auth.password = '; cat SECRET-FILE; echo) | sudo tee -a ${record} > /dev/null`,
        ]
        : []),
      `${node} --login`,
    ],
    logout: [`${node} --logout`, `${node} -o delete`],
  };
}

function windows(ask: InstructionsAsk): Instruction {
  const portal = `-TargetPortalAddress ${
    quote(ask.portal.hostname)
  } -TargetPortalPortNumber ${ask.portal.port}`;
  const chap = ask.chap
    ? " -AuthenticationType ONEWAYCHAP -ChapUsername USER -ChapSecret (Get-Content SECRET-FILE)"
    : "";
  const node = `-NodeAddress ${quote(ask.iqn)}`;
  return {
    initiator: "Windows (PowerShell as Administrator)",
    login: [
      "Start-Service MSiSCSI",
      `New-IscsiTargetPortal ${portal}`,
      `Connect-IscsiTarget ${node} ${portal}${chap}`,
    ],
    logout: [
      `Disconnect-IscsiTarget ${node} -Confirm:$false`,
      `Remove-IscsiTargetPortal -TargetPortalAddress ${
        quote(ask.portal.hostname)
      } -Confirm:$false`,
    ],
  };
}

function qemu(ask: InstructionsAsk): Instruction {
  const drive = `driver=iscsi,transport=tcp,portal=${
    address(ask)
  },target=${ask.iqn},lun=0`;
  if (!ask.chap) {
    return {
      initiator: "QEMU",
      login: [
        `qemu-img info iscsi://${address(ask)}/${ask.iqn}/0`,
        `qemu-system-x86_64 -drive ${drive},if=virtio …`,
      ],
      logout: [],
    };
  }
  const secret = "--object secret,id=vault,file=SECRET-FILE";
  const user = "user=USER,password-secret=vault";
  return {
    initiator: "QEMU",
    login: [
      `qemu-img info ${secret} --image-opts ${drive},${user}`,
      `qemu-system-x86_64 ${
        secret.slice(1)
      } -drive ${drive},${user},if=virtio …`,
    ],
    logout: [],
  };
}
