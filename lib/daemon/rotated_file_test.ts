import { expect } from "expect";
import { RotatedFile, rotatedPaths } from "./rotated_file.ts";
import { TempDir } from "../../tests/harness/temp_dir.ts";

const SMALL = { maxBytes: 100, files: 4 };

/** All lines that are there, the oldest first, of names that may have gaps. */
function linesAt(path: string, files = SMALL.files): string[] {
  return rotatedPaths(path, files).toReversed().flatMap((name) => {
    try {
      return Deno.readTextFileSync(name).split("\n").slice(0, -1);
    } catch {
      return [];
    }
  });
}

/** 20 bytes each with its newline. */
function line(number: number): string {
  return `line ${String(number).padStart(14, "0")}`;
}

Deno.test("a file is rotated before it grows past its bound, and the oldest go", () => {
  using dir = new TempDir();
  const path = dir.at("x.log");
  const file = new RotatedFile(path, SMALL);
  for (let n = 0; n < 100; n++) file.append(line(n));
  file.close();
  for (const name of rotatedPaths(path, SMALL.files)) {
    const { size, mode } = Deno.statSync(name);
    expect(size).toBe(SMALL.maxBytes);
    expect((mode ?? 0) & 0o777).toBe(0o600);
  }
  expect([...Deno.readDirSync(dir.path)].length).toBe(SMALL.files);
  const kept = Array.from({ length: 20 }, (_, n) => line(80 + n));
  expect(linesAt(path)).toEqual(kept);
  // A line that is longer than the bound has a file of its own.
  const long = "x".repeat(300);
  file.append(long);
  file.close();
  expect(linesAt(path).at(-1)).toBe(long);
});

Deno.test("a crash between any two steps of a rotation loses no line", () => {
  for (let steps = 0; steps <= SMALL.files; steps++) {
    for (const before of [0, 1, 2, 3]) {
      using dir = new TempDir();
      const path = dir.at("x.log");
      const names = rotatedPaths(path, SMALL.files);
      const file = new RotatedFile(path, SMALL);
      const lines = 5 * (before + 1);
      for (let n = 0; n < lines; n++) file.append(line(n));
      file.close();
      // As a rotation does it, from the oldest on, and cut off after so many steps.
      const begun = Math.min(before + 1, SMALL.files - 1);
      const whole = before + 1 < SMALL.files ? lines : lines - 5;
      for (let step = 0; step < Math.min(steps, begun); step++) {
        Deno.renameSync(names[begun - step - 1]!, names[begun - step]!);
      }
      const left = linesAt(path).length;
      expect(left).toBe(steps === 0 ? lines : whole);
      const again = new RotatedFile(path, SMALL);
      again.append(line(lines));
      again.close();
      const all = linesAt(path);
      expect(all.at(-1)).toBe(line(lines));
      // A gap was filled before anything was given up.
      expect(all.length).toBe(steps === 0 ? whole + 1 : left + 1);
      const first = lines + 1 - all.length;
      expect(all).toEqual(all.map((_, n) => line(first + n)));
    }
  }
});

Deno.test("half a line, left by a crash or a full disk, does not stick to the next", () => {
  using dir = new TempDir();
  const path = dir.write("x.log", `${line(0)}\n{"time":"20`);
  const file = new RotatedFile(path, { maxBytes: 1000, files: 2 });
  file.append(line(1));
  file.append(line(2));
  file.close();
  expect(linesAt(path)).toEqual([line(0), '{"time":"20', line(1), line(2)]);
});

Deno.test("a writer that is killed leaves whole lines, none missing between them", async () => {
  using dir = new TempDir();
  const path = dir.at("x.log");
  const module = new URL("./rotated_file.ts", import.meta.url).href;
  const rotation = { maxBytes: 4000, files: 1000 };
  let next = 0;
  for (let turn = 0; turn < 3; turn++) {
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        "eval",
        `import { RotatedFile } from ${JSON.stringify(module)};
        const file = new RotatedFile(${JSON.stringify(path)}, ${
          JSON.stringify(rotation)
        });
        for (let n = ${next};; n++) {
          file.append("line " + String(n).padStart(14, "0"));
        }`,
      ],
      stdout: "null",
      stderr: "null",
    }).spawn();
    const many = next + 1000 + 700 * turn;
    while (linesAt(path, rotation.files).length < many) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    child.kill("SIGKILL");
    await child.status;
    const all = linesAt(path, rotation.files);
    expect(all).toEqual(all.map((_, n) => line(n)));
    next = all.length;
  }
});
