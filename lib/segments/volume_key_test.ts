import { expect } from "expect";
import { toHex } from "../base/bytes.ts";
import { VaultError } from "../base/errors.ts";
import { systemPrimitives as primitives } from "../os/primitives.ts";
import {
  isLocked,
  lockKey,
  MAX_KEY_TEXT_LENGTH,
  parseKey,
  parseRecovery,
  recoveryLines,
  renderKey,
  unlockKey,
} from "./volume_key.ts";

// Always the same: by chance, one mistyped line in 65,536 is known by the line after it.
const key = Uint8Array.from({ length: 32 }, (_, i) => 7 * i);

async function errorOf(act: () => unknown): Promise<VaultError> {
  const thrown = await Promise.resolve().then(act).then(
    () => undefined,
    (error) => error,
  );
  expect(thrown).toBeInstanceOf(VaultError);
  return thrown;
}

Deno.test("a key survives its file, in capitals and broken over lines", () => {
  for (let i = 0; i < 50; i++) {
    const key = primitives.random(32);
    const text = renderKey(primitives, key);
    const mangled = `\n ${text.slice(0, 20)}\n${text.slice(20).toUpperCase()} `;
    expect(toHex(parseKey(primitives, text))).toBe(toHex(key));
    expect(toHex(parseKey(primitives, mangled))).toBe(toHex(key));
  }
});

Deno.test("every mistyped letter and every truncation of a key is found", async () => {
  const text = renderKey(primitives, key);
  for (let at = 0; at < text.length; at++) {
    const typo = text.slice(0, at) + (text[at] === "b" ? "c" : "b") +
      text.slice(at + 1);
    const cut = text.slice(0, at);
    for (const wrong of [typo, cut]) {
      expect((await errorOf(() => parseKey(primitives, wrong))).kind)
        .toBe("usage");
    }
  }
  const long = "a".repeat(MAX_KEY_TEXT_LENGTH + 1);
  expect((await errorOf(() => parseKey(primitives, long))).message)
    .toMatch(/too long/);
});

Deno.test("a locked key opens to its passphrase and to no other", async () => {
  const passphrase = "Zürich ﬁve";
  const text = await lockKey(primitives, { key, passphrase });
  expect(isLocked(text)).toBe(true);
  expect(isLocked(renderKey(primitives, key))).toBe(false);
  expect(text).not.toBe(await lockKey(primitives, { key, passphrase }));
  const open = async (passphrase: string) =>
    toHex(await unlockKey(primitives, { text, passphrase }));
  expect(await open(passphrase)).toBe(toHex(key));
  // The same letters, typed on another keyboard.
  expect(await open("Zu\u0308rich five")).toBe(toHex(key));
  for (const other of ["zürich ﬁve", "Zürich ﬁve ", "x"]) {
    const error = await errorOf(() => open(other));
    expect(error.kind).toBe("refused");
    expect(error.message).toMatch(/passphrase/);
  }
  expect((await errorOf(() => open(""))).kind).toBe("usage");
  expect(
    (await errorOf(() => lockKey(primitives, { key, passphrase: "" })))
      .kind,
  ).toBe("usage");
  expect((await errorOf(() => parseKey(primitives, text))).message)
    .toMatch(/passphrase/);
  const plain = renderKey(primitives, key);
  expect(
    (await errorOf(() => unlockKey(primitives, { text: plain, passphrase })))
      .kind,
  ).toBe("usage");
});

Deno.test("a recovery sheet gives the key back, however it is copied", () => {
  for (let i = 0; i < 50; i++) {
    const key = primitives.random(32);
    const lines = recoveryLines(primitives, key);
    expect(lines).toHaveLength(4);
    for (const [i, line] of lines.entries()) {
      expect(line).toMatch(
        new RegExp(`^${i + 1}: ([a-z2-7]{4} ){3}[a-z2-7]{4}$`),
      );
    }
    const sheet = lines.join("\n");
    for (
      const copy of [
        sheet,
        sheet.toUpperCase(),
        lines.join(" "),
        sheet.replace(/\d: /g, ""),
        sheet.replace(/: /g, ".").replaceAll(" ", "-"),
        sheet.replaceAll(" ", ""),
        `\n\n${sheet}\n`,
      ]
    ) expect(toHex(parseRecovery(primitives, copy))).toBe(toHex(key));
  }
});

Deno.test("a mistake on a recovery sheet is known by its line", async () => {
  const lines = recoveryLines(primitives, key);
  for (const [number, line] of lines.entries()) {
    const letters = [...line.matchAll(/[a-z2-7]/g)].filter(({ index }) =>
      index > 1
    );
    for (const { index, 0: letter } of letters) {
      const typo = line.slice(0, index) + (letter === "q" ? "r" : "q") +
        line.slice(index + 1);
      const sheet = lines.with(number, typo).join("\n");
      const error = await errorOf(() => parseRecovery(primitives, sheet));
      expect(error.message).toMatch(`line ${number + 1} is mistyped`);
    }
  }
  const [a, b, c, d] = lines.map((line) => line.slice(3));
  for (const sheet of [[b, a, c, d], [a, a, c, d], [a, b, d, c]]) {
    const error = await errorOf(() =>
      parseRecovery(primitives, sheet.join("\n"))
    );
    expect(error.message).toMatch(/line \d is mistyped/);
  }
  for (const sheet of ["", lines.slice(1).join("\n"), lines.join("\n") + "a"]) {
    expect((await errorOf(() => parseRecovery(primitives, sheet))).message)
      .toMatch(/4 lines of 16 letters/);
  }
});
