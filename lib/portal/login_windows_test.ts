import { expect } from "expect";
import fc from "fast-check";
import { VaultError } from "../base/errors.ts";
import {
  diskOf,
  loginScript,
  logoutScript,
  offlineScript,
  quote,
  usersScript,
  windowsInitiator,
} from "./login_windows.ts";
import type { LoginAsk, LoginWorld } from "./os_initiator.ts";

const ASK: LoginAsk = {
  portal: { hostname: "127.0.0.1", port: 3260 },
  iqn: "iqn.2026-11.internal.vault:0123456789ab.photos",
  chap: { user: "laptop", secret: "it's 13 bytes" },
};

function machine(
  answers: readonly { code: number; stdout?: string; stderr?: string }[],
) {
  const ran: { argv: readonly string[]; input: string }[] = [];
  const world: LoginWorld = {
    clock: {
      now: () => 0,
      monotonic: () => 0,
      sleep: () => Promise.resolve(),
      after: () => () => {},
    },
    run(argv, input = "") {
      const { code, stdout = "", stderr = "" } = answers[ran.length] ??
        { code: 0 };
      ran.push({ argv, input });
      return Promise.resolve({ code, stdout, stderr });
    },
    read: () => undefined,
    replace: () => {},
    list: () => [],
  };
  return { world, ran };
}

Deno.test("a login is one script on PowerShell's input, with no secret among its words", async () => {
  const { world, ran } = machine([{ code: 0, stdout: '{"Number":3}\r\n' }]);
  expect(await windowsInitiator(ASK, world).login()).toBe(
    "\\\\.\\PhysicalDrive3",
  );
  expect(ran[0]?.argv.join(" ")).not.toContain("bytes");
  expect(ran[0]?.input).toBe(loginScript(ASK));
});

Deno.test("every script is one line, as PowerShell reads its input", () => {
  const mutual = { user: "vault", secret: "0123456789abc" };
  for (
    const script of [
      loginScript(ASK),
      loginScript({ ...ASK, mutual }),
      logoutScript(ASK),
      usersScript(ASK),
      offlineScript(ASK),
    ]
  ) expect(script.indexOf("\n")).toBe(script.length - 1);
});

Deno.test("the login names the target, the portal and the CHAP that was asked for", () => {
  const one = loginScript(ASK);
  expect(one).toContain(
    "Connect-IscsiTarget -NodeAddress 'iqn.2026-11.internal.vault:0123456789ab.photos' -TargetPortalAddress '127.0.0.1' -TargetPortalPortNumber 3260 -IsPersistent $false -AuthenticationType ONEWAYCHAP -ChapUsername 'laptop' -ChapSecret 'it''s 13 bytes'",
  );
  const mutual = { user: "vault", secret: "0123456789abc" };
  const both = loginScript({ ...ASK, mutual });
  expect(both).toContain("Set-IscsiChapSecret -ChapSecret '0123456789abc'");
  expect(both).toContain("MUTUALCHAP");
  const { chap: _, ...none } = ASK;
  expect(loginScript(none)).not.toContain("Chap");
});

Deno.test("a quoted string holds any text and ends where it should", () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom("'", "\u2019", "\u2018", "a", "$", "`", '"')),
      (chars) => {
        const text = chars.join("");
        const quoted = quote(text);
        expect(quoted.startsWith("'") && quoted.endsWith("'")).toBe(true);
        const inner = quoted.slice(1, -1);
        // Every quote inside is doubled, so none of them ends the string.
        expect(inner.replace(/(['\u2018\u2019])\1/g, "")).not.toMatch(
          /['\u2018\u2019]/,
        );
        expect(inner.replace(/(['\u2018\u2019])\1/g, "$1")).toBe(text);
      },
    ),
  );
});

Deno.test("a login that fails is undone, and says what to do", async () => {
  for (
    const [stderr, hint, kind] of [
      ["Access is denied.", "Administrator", "refused"],
      ["Authentication Failure.", "--chap", "refused"],
      ["The target name is not found.", undefined, undefined],
    ] as const
  ) {
    const { world, ran } = machine([{ code: 1, stderr: `${stderr}\r\n` }]);
    await expect(windowsInitiator(ASK, world).login()).rejects.toMatchObject({
      message: `Windows' initiator cannot log in: ${stderr}`,
      kind,
      ...(hint === undefined ? {} : { hint: expect.stringContaining(hint) }),
    });
    expect(ran[1]?.input).toBe(logoutScript(ASK));
  }
});

Deno.test("users of the disk are lines; no disk in the answer is an error", async () => {
  const { world } = machine([{ code: 0, stdout: "E:\\\r\nC:\\mnt\\\r\n" }]);
  expect(await windowsInitiator(ASK, world).users()).toEqual([
    "E:\\",
    "C:\\mnt\\",
  ]);
  expect(() => diskOf("nothing")).toThrow(VaultError);
});
