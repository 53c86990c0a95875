/** The walls of the house hold, and each check of them fails where it should. */
import { expect } from "expect";
import {
  codeOf,
  importsOf,
  readSources,
  type Source,
} from "./architecture/source.ts";
import {
  badNames,
  importBreaches,
  orphans,
  overlong,
  packageBreaches,
  silencedChecks,
  undocumented,
  unprovenChanges,
  worldBreaches,
} from "./architecture/walls.ts";

const sources = readSources(new URL("../", import.meta.url));

const file = (path: string, text = ""): Source => ({ path, text });

/** Each wall with files that breach it, and files beside them that do not. */
const WALLS: readonly {
  readonly name: string;
  readonly check: (sources: readonly Source[]) => string[];
  readonly bad: readonly Source[];
  readonly good: readonly Source[];
}[] = [
  {
    name: "rooms import only the rooms below them",
    check: importBreaches,
    bad: [
      file("lib/base/x.ts", 'import { y } from "../os/y.ts";'),
      file("lib/iscsi/pdu/x.ts", 'import type { y } from "../../scsi/y.ts";'),
      file("tunnel/x.ts", 'export * from "../lib/iscsi/y.ts";'),
      file("lib/store/x.ts", 'import "../scsi/plan.ts";'),
      file("lib/scsi/x_test.ts", 'const y = await import("../store/y.ts");'),
      file("lib/attic/x.ts"),
      file("cli/x.ts", 'import { y } from "../tests/harness/y.ts";'),
    ],
    good: [
      file("lib/iscsi/pdu/x.ts", 'import { y } from "../../base/y.ts";'),
      file(
        "lib/target/x.ts",
        '// import "../portal/y.ts";\nimport "../scsi/z.ts";',
      ),
      file("lib/store/x_test.ts", 'import { y } from "../os/y.ts";'),
      file("tunnel/x.ts", 'import {\n  y,\n} from "../lib/pki/y.ts";'),
    ],
  },
  {
    name: "each package has its rooms",
    check: packageBreaches,
    bad: [
      file("lib/iscsi/x.ts", 'import * as v from "valibot";'),
      file("cli/x.ts", 'import left from "left-pad";'),
      file("lib/base/x.ts", 'import { expect } from "expect";'),
    ],
    good: [
      file(
        "cli/x.ts",
        'import { Command } from "@commander-js/extra-typings";',
      ),
      file("lib/base/x_test.ts", 'import { expect } from "expect";'),
    ],
  },
  {
    name: "only cli, lib/os and the tunnel's TLS file name the world",
    check: worldBreaches,
    bad: [
      file("lib/store/x.ts", "Deno.openSync(path);"),
      file("lib/store/x.ts", 'import { join } from "node:path";'),
      file("lib/portal/x.ts", "setTimeout(stop, 5);"),
      file("lib/pki/x.ts", "const at = Date.now();"),
      file("tunnel/link.ts", "const text = `${console}`;"),
      file("lib/console/x.ts", "await fetch(url);"),
    ],
    good: [
      file("lib/os/x.ts", "Deno.openSync(path);"),
      file("tunnel/tls.ts", 'import tls from "node:tls";'),
      file(
        "lib/store/x.ts",
        '/** Deno. */ const text = "Deno.open"; // console',
      ),
      file("lib/store/x.ts", "const text = `Deno`; const at = new Date(0);"),
      file("lib/store/x_test.ts", "Deno.test(name, body);"),
    ],
  },
  {
    name: "every file is imported by another than its own test",
    check: orphans,
    bad: [
      file("lib/base/x.ts"),
      file("lib/base/x_test.ts", 'import "./x.ts";'),
      file("lib/iscsi/y.ts"),
    ],
    good: [
      file("mod.ts", 'export * from "./lib/base/x.ts";'),
      file("lib/base/x.ts"),
      file("lib/base/y.ts"),
      file("lib/base/x_test.ts", 'import "./y.ts";'),
    ],
  },
  {
    name: "who changes a store for an initiator proves its lease",
    check: unprovenChanges,
    bad: [
      file("lib/target/x.ts", "await volume.store.write(0, bytes);"),
      file("lib/target/x.ts", "const { atomic } = volume.store;"),
      file("lib/target/x.ts", "store\n  .unmap(extent);"),
    ],
    good: [
      file("lib/target/x.ts", "volume.change(nexus).write(0, bytes);"),
      file("lib/target/x.ts", "volume.store.read(0, bytes);"),
      file("lib/target/x.ts", "const { readOnly } = volume.store;"),
      file("lib/target/erasing.ts", "store.unmap(extent);"),
      file("lib/target/x_test.ts", "store.write(0, bytes);"),
    ],
  },
  {
    name: "no file runs away",
    check: overlong,
    bad: [file("lib/base/x.ts", "a;\n".repeat(351))],
    good: [file("lib/base/x.ts", "a;\n".repeat(350))],
  },
  {
    name: "files have names in snake_case that say something",
    check: badNames,
    bad: [
      file("lib/base/dataIn.ts"),
      file("lib/base/data-in.ts"),
      file("lib/base/string_utils.ts"),
      file("lib/helpers/x.ts"),
      file("tunnel/session_manager.ts"),
    ],
    good: [
      file("lib/base/data_in.ts"),
      file("lib/scsi/vpd/b0_test.ts"),
      file("mod.ts"),
    ],
  },
  {
    name: "each file of the product begins by saying what it is",
    check: undocumented,
    bad: [
      file("lib/base/x.ts", "export const y = 1;"),
      file("cli/x.ts", "// words"),
    ],
    good: [file("lib/base/x.ts", "/** Words. */"), file("lib/base/x_test.ts")],
  },
  {
    name: "no check is switched off",
    check: silencedChecks,
    bad: [
      file("lib/base/x.ts", `// ${["@ts", "ignore"].join("-")}`),
      file("lib/base/x_test.ts", "Deno.test.only(name, body);"),
    ],
    good: [file("lib/base/x_test.ts", "Deno.test(name, body);")],
  },
];

for (const wall of WALLS) {
  Deno.test(`wall: ${wall.name}`, () => {
    expect(wall.check(sources)).toEqual([]);
  });
  Deno.test(`a breach is seen: ${wall.name}`, () => {
    expect(wall.check(wall.good)).toEqual([]);
    const seen = wall.check(wall.bad);
    const others = wall.bad.filter(({ path }) => !path.endsWith("_test.ts"));
    for (const { path } of others) {
      expect(seen.some((breach) => breach.startsWith(`${path}:`))).toBe(true);
    }
    // Alone, too: no breach hides behind another.
    for (const bad of others) expect(wall.check([bad])).not.toEqual([]);
  });
}

Deno.test("the reader of sources knows code from words", () => {
  expect(codeOf("a /* Deno */ b // Deno\nc")).toBe("a            b        \nc");
  expect(codeOf("x('Deno \\' Deno') + y")).toBe(`x(${" ".repeat(14)}) + y`);
  expect(codeOf("`Deno ${fetch()} Deno`").trim()).toBe("fetch()");
  expect(codeOf('const r = /["]/; Deno')).toContain("Deno");
  const names = importsOf(
    file(
      "x.ts",
      'import a, { type B } from "./a.ts";\nimport "b";\nexport * from "./c.ts";\n' +
        'const d = await import("./d.ts"); // import "e"\nconst text = "import x";',
    ),
  );
  expect(names.toSorted()).toEqual(["./a.ts", "./c.ts", "./d.ts", "b"]);
});

Deno.test("the sources are found", () => {
  const paths = sources.map(({ path }) => path);
  for (const path of ["lib/base/bytes.ts", "tests/architecture_test.ts"]) {
    expect(paths).toContain(path);
  }
});
