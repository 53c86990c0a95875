import { systemClock } from "../os/clock.ts";
import { openFile } from "../os/file.ts";
import { openFolder } from "../os/folder.ts";
import { conformance, type MakeStore } from "./conformance.ts";
import { FaultStore } from "./fault_store.ts";
import { FileStore } from "./file_store.ts";
import { MemoryStore } from "./memory_store.ts";
import { stackStore } from "./stack.ts";
import { FakeFile } from "./testing.ts";
import {
  intoMemory,
  journaled,
  openJournal,
  slow,
} from "./testing/journaled.ts";

const folder = Deno.makeTempDirSync();
addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
let files = 0;

function systemFile(sizeBytes: number) {
  const file = openFile(`${folder}/${files++}`, { create: true });
  file.truncate(sizeBytes);
  return file;
}

const stores: Record<string, MakeStore> = {
  "a memory store": (sizeBytes) => new MemoryStore(sizeBytes),
  "a file store on this system": (sizeBytes) =>
    new FileStore(systemFile(sizeBytes)),
  "a file store that can punch holes": (sizeBytes) =>
    new FileStore(new FakeFile(sizeBytes, { canPunch: true })),
  "a file store that cannot punch holes": (sizeBytes) =>
    new FileStore(new FakeFile(sizeBytes, { canPunch: false })),
  "a stack on a file": (sizeBytes) =>
    stackStore({
      bottom: { kind: "file", file: systemFile(sizeBytes) },
      readOnly: false,
    }),
  "a journaled stack on files of this system": async (sizeBytes) =>
    stackStore({
      bottom: {
        kind: "journaled file",
        file: systemFile(sizeBytes),
        journal: await openJournal(openFolder(`${folder}/${files++}`), {
          fileBytes: 256 * 1024,
        }),
        clock: systemClock,
      },
      readOnly: false,
    }),
  "a journaled store that is drained whenever it can be": (sizeBytes) =>
    journaled(intoMemory(sizeBytes, 1)),
  "a journaled store that is drained when it is full": (sizeBytes) =>
    journaled(intoMemory(sizeBytes, 2 ** 30)),
  "a journaled store on a target that makes everybody wait": (sizeBytes) =>
    journaled(slow(intoMemory(sizeBytes, 20_000))),
  "a fault store without faults": (sizeBytes) =>
    new FaultStore(new MemoryStore(sizeBytes), () => undefined),
  "a fault store that makes everybody wait": (sizeBytes) =>
    new FaultStore(
      new MemoryStore(sizeBytes),
      () => ({ delay: Promise.resolve() }),
    ),
};

for (const [what, make] of Object.entries(stores)) {
  for (const { name, check } of conformance(make)) {
    Deno.test(`${what}: ${name}`, check);
  }
}
