/**
 * Files that share one power supply, and the two things that may happen to whoever has them open: kill -9, and a power cut.
 *
 * In a folder, what was made or removed since the folder's last sync is made or removed after a cut or not, each name for itself.
 */

import { VaultError } from "../../base/errors.ts";
import type { File } from "../../base/file.ts";
import type { Folder } from "../../base/folder.ts";
import type { Dice } from "../../../tests/fuzz/dice.ts";
import { CrashFile, Medium, type Power } from "./crash_file.ts";

/**
 * One process on that machine, until the next crash: from then on all that it has open throws, its syncs never end, and what it would open
 * is refused, also where it had begun to start when the crash came.
 */
export interface Process {
  /** Opens a file, made with `sizeBytes` zeros, on the medium at once, where there is none of that name. */
  open(name: string, sizeBytes?: number): File;
  /** A folder, empty in the beginning. */
  folder(name: string): Folder;
}

/** The files of one simulated machine. */
export class PowerSupply {
  readonly #dice: Dice;
  readonly #canPunch: boolean;
  readonly #media = new Map<string, Medium>();
  /** Names that may change back, with what they named before. */
  readonly #looseNames = new Map<string, Medium | undefined>();
  #waiting: (() => void)[] = [];
  /** Counts crashes: a process that started before the last one is dead. */
  #lives = 0;

  /** @param canPunch whether the file system can make holes */
  constructor(dice: Dice, canPunch = true) {
    this.#dice = dice;
    this.#canPunch = canPunch;
  }

  /** The files as a process has them that starts now. */
  process(): Process {
    const power = this.#power();
    return {
      open: (name, sizeBytes = 0) => this.#open(power, { name, sizeBytes }),
      folder: (name) => this.#folder(power, name),
    };
  }

  #open(
    power: Power,
    { name, sizeBytes }: { readonly name: string; readonly sizeBytes: number },
  ): File {
    power.check();
    const medium = this.#media.get(name) ?? new Medium(sizeBytes);
    this.#media.set(name, medium);
    return new CrashFile(medium, power);
  }

  #folder(power: Power, name: string): Folder {
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
        return this.#open(power, { name: pathOf(file), sizeBytes: 0 });
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
