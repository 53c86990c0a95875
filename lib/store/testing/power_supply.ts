/**
 * Files that share one power supply, and the two things that may happen to whoever has them open: kill -9, and a power cut.
 *
 * In a folder, what was made or removed since the folder's last sync is made or removed after a cut or not, each name for itself.
 */

import { VaultError } from "../../base/errors.ts";
import type { File } from "../../base/file.ts";
import type { Dice } from "../../../tests/fuzz/dice.ts";
import { CrashFile, Medium, type Power } from "./crash_file.ts";

/** The files of one simulated machine. */
export class PowerSupply {
  readonly #dice: Dice;
  readonly #canPunch: boolean;
  readonly #media = new Map<string, Medium>();
  /** Names that may change back, with what they named before. */
  readonly #looseNames = new Map<string, Medium | undefined>();
  #waiting: (() => void)[] = [];
  /** Counts crashes: what was opened before the last one is dead. */
  #lives = 0;

  /** @param canPunch whether the file system can make holes */
  constructor(dice: Dice, canPunch = true) {
    this.#dice = dice;
    this.#canPunch = canPunch;
  }

  /**
   * Opens a file, made with `sizeBytes` zeros, on the medium at once, where there is none of that name. What was opened before a crash
   * throws from then on, and its syncs never end.
   */
  open(name: string, sizeBytes = 0): File {
    const medium = this.#media.get(name) ?? new Medium(sizeBytes);
    this.#media.set(name, medium);
    return new CrashFile(medium, this.#power());
  }

  /** A folder, empty in the beginning: `list`, `create`, `open`, `remove` and `sync`. Opened anew after each crash, like files. */
  folder(name: string) {
    const power = this.#power();
    const pathOf = (file: string) => `${name}/${file}`;
    const names = () => {
      power.check();
      return [...this.#media.keys()]
        .filter((path) => path.startsWith(pathOf("")))
        .map((path) => path.slice(pathOf("").length)).sort();
    };
    const rename = (file: string, to: Medium | undefined) => {
      const path = pathOf(file);
      const before = this.#media.get(path);
      if (!this.#looseNames.has(path)) this.#looseNames.set(path, before);
      if (to) this.#media.set(path, to);
      else this.#media.delete(path);
    };
    const expect = (file: string, there: boolean) => {
      if (names().includes(file) === there) return;
      throw new VaultError(`${file} is ${there ? "missing" : "there already"}`);
    };
    return {
      list: names,
      create: (file: string): File => {
        expect(file, false);
        const medium = new Medium(0);
        rename(file, medium);
        return new CrashFile(medium, power);
      },
      open: (file: string): File => {
        expect(file, true);
        return this.open(pathOf(file));
      },
      remove: (file: string) => {
        expect(file, true);
        rename(file, undefined);
      },
      sync: () => {
        power.check();
        const covered = [...this.#looseNames.keys()]
          .filter((path) => path.startsWith(pathOf("")))
          .map((path) => [path, this.#media.get(path)] as const);
        return power.sync(() => {
          for (const [path, medium] of covered) {
            // Made and removed since: that may come back to what is stable now.
            if (this.#media.get(path) === medium) this.#looseNames.delete(path);
            else this.#looseNames.set(path, medium);
          }
        });
      },
    };
  }

  /** How many syncs are under way. */
  get syncs(): number {
    return this.#waiting.length;
  }

  /** Ends one of them; the dice know which. */
  endSync(): void {
    const at = this.#dice.next(this.#waiting.length);
    this.#waiting.splice(at, 1)[0]?.();
  }

  /** The process is gone: what it had written stays in the page cache, and no sync that was under way has promised anything. */
  kill(): void {
    this.#lives++;
    this.#waiting = [];
  }

  /** The power is gone: each file is what the dice leave of it. Gives whether anything was lost. */
  cut(): boolean {
    this.kill();
    let lost = false;
    for (const [path, before] of this.#looseNames) {
      if (this.#dice.once(2)) continue;
      if (before) this.#media.set(path, before);
      else this.#media.delete(path);
      lost = true;
    }
    this.#looseNames.clear();
    for (const medium of this.#media.values()) {
      if (medium.cut(this.#dice)) lost = true;
    }
    return lost;
  }

  #power(): Power {
    const life = this.#lives;
    return {
      canPunch: this.#canPunch,
      check: () => {
        if (life !== this.#lives) throw new VaultError("There was a crash");
      },
      sync: (end) =>
        new Promise((resolve) =>
          this.#waiting.push(() => {
            end();
            resolve();
          })
        ),
    };
  }
}
