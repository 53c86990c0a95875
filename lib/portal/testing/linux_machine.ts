/** A Linux machine for tests: files that it shows, and programs that answer by a table. */

import { VaultError } from "../../base/errors.ts";
import type { LoginAsk, LoginWorld } from "../os_initiator.ts";

export const IQN = "iqn.2026-11.internal.vault:0123456789ab.photos";
export const ASK: LoginAsk = {
  portal: { hostname: "127.0.0.1", port: 3260 },
  iqn: IQN,
};
export const NODE = `iscsiadm -m node -T ${IQN} -p 127.0.0.1:3260`;
export const RECORD = `/etc/iscsi/nodes/${IQN}/127.0.0.1,3260`;

export const RECORD_TEXT = `# BEGIN RECORD 2.1.8
node.name = ${IQN}
node.startup = automatic
node.session.auth.authmethod = None
node.session.auth.chap_algs = MD5
node.conn[0].address = 127.0.0.1
# END RECORD
`;

/** What the kernel shows of a session and its disk. */
export const SESSION_FILES = {
  "/sys/class/iscsi_session/session7/targetname": `${IQN}\n`,
  "/sys/class/iscsi_connection/connection7:0/persistent_address": "127.0.0.1\n",
  "/sys/class/iscsi_connection/connection7:0/persistent_port": "3260\n",
  "/sys/class/iscsi_session/session7/device/target3:0:0/3:0:0:0/block/sdb/size":
    "2048\n",
  "/sys/block/sdb/dev": "8:16\n",
  "/sys/block/sdb/sdb1/dev": "8:17\n",
};

/** A machine with files, and with programs that answer by a table of exit statuses. */
export function machine(
  options: {
    files?: Record<string, string>;
    statuses?: Record<string, number>;
    onRun?: (line: string, files: Map<string, string>) => void;
    absent?: boolean;
  } = {},
) {
  const files = new Map(Object.entries(options.files ?? {}));
  const ran: string[] = [];
  let now = 0;
  const world: LoginWorld = {
    clock: {
      now: () => now,
      monotonic: () => now,
      sleep: (ms) => {
        now += ms;
        return Promise.resolve();
      },
      after: () => () => {},
    },
    run(argv) {
      const line = argv.join(" ");
      if (options.absent) {
        const kind = "not-found" as const;
        return Promise.reject(new VaultError("no such program", { kind }));
      }
      ran.push(line);
      options.onRun?.(line, files);
      const code = options.statuses?.[line.replace(NODE, "").trim()] ?? 0;
      const stderr = code === 0 ? "" : `iscsiadm: noise\niscsiadm: why ${code}`;
      return Promise.resolve({ code, stdout: "", stderr });
    },
    read: (path) => files.get(path),
    replace: (path, text) => void files.set(path, text),
    list(folder) {
      const names = [...files.keys()].filter((path) =>
        path.startsWith(`${folder}/`)
      ).map((path) => path.slice(folder.length + 1).split("/")[0] ?? "");
      return [...new Set(names)];
    },
  };
  return { world, files, ran };
}

/** Makes the record and the session appear as open-iscsi and the kernel do. */
export function lively(line: string, files: Map<string, string>): void {
  if (line.endsWith("-o new")) files.set(RECORD, RECORD_TEXT);
  if (line.endsWith("-o delete")) files.delete(RECORD);
  if (line.endsWith("--login")) {
    for (const [path, text] of Object.entries(SESSION_FILES)) {
      files.set(path, text);
    }
  }
  if (line.endsWith("--logout")) {
    for (const path of Object.keys(SESSION_FILES)) files.delete(path);
  }
}
