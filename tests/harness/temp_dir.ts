/** Folders for one test. */

/** A fresh private folder, removed with all that is in it at the end of the scope. */
export class TempDir implements Disposable {
  readonly path: string = Deno.makeTempDirSync({ prefix: "vault-test-" });

  /** The path of `name` in it. */
  at(name: string): string {
    return `${this.path}/${name}`;
  }

  /** Writes `text` to `name`, readable by its owner alone, and gives its path. */
  write(name: string, text: string): string {
    const path = this.at(name);
    Deno.writeTextFileSync(path, text, { mode: 0o600 });
    return path;
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}
