/** The initiator of this operating system, for `attach --login`. */

import fs from "node:fs";
import { utf8 } from "../lib/base/bytes.ts";
import { VaultError } from "../lib/base/errors.ts";
import type { OsLogin } from "../lib/daemon/attachment_options.ts";
import { systemClock } from "../lib/os/clock.ts";
import { writeWhole } from "../lib/os/file.ts";
import { runProgram } from "../lib/os/process.ts";
import { parseAddress } from "../lib/os/tcp.ts";
import { linuxInitiator } from "../lib/portal/login_linux.ts";
import { windowsInitiator } from "../lib/portal/login_windows.ts";
import type {
  LoginSecret,
  LoginWorld,
  OsInitiator,
} from "../lib/portal/os_initiator.ts";

/** This machine. */
export const loginWorld: LoginWorld = {
  clock: systemClock,
  run: runProgram,
  read: (path) => {
    try {
      return fs.readFileSync(path, "utf8");
    } catch {
      return undefined;
    }
  },
  replace: (path, text) => writeWhole(path, utf8(text)),
  list: (folder) => {
    try {
      return fs.readdirSync(folder);
    } catch {
      return [];
    }
  },
};

export interface Secrets {
  readonly chap?: LoginSecret;
  readonly mutual?: LoginSecret;
}

/** @throws {VaultError} where this operating system's initiator, if it has one, is not known here */
export function osLogin(secrets: Secrets): OsLogin {
  const make = initiators[Deno.build.os];
  if (!make) {
    throw new VaultError(`--login does not know ${Deno.build.os}'s initiator`, {
      hint: "Attach without it, and log in by hand.",
      kind: "usage",
    });
  }
  const at = (target: { iqn: string; portal: string }): OsInitiator =>
    make({
      ...secrets,
      iqn: target.iqn,
      portal: parseAddress(target.portal),
    }, loginWorld);
  return {
    login: (target) => at(target).login(),
    letGo: (target, tell) => at(target).letGo(tell),
    async logout(target, options = {}) {
      const initiator = at(target);
      const users = options.evenInUse ? [] : await initiator.users();
      if (users.length > 0) {
        throw new VaultError(`The disk is in use: ${users.join(", ")}`, {
          hint:
            "Unmount it, close what is encrypted on it, and say it again. It stays attached until then.",
          kind: "conflict",
        });
      }
      await initiator.logout();
    },
  };
}

const initiators: Readonly<
  Record<string, typeof linuxInitiator | undefined>
> = { linux: linuxInitiator, windows: windowsInitiator };
