import { expect } from "expect";
import { GroupCommit } from "./group_commit.ts";

const MIB = 1024 * 1024;

Deno.test("what is written fast is synced although nobody asks for it, and little is not", async () => {
  let syncs = 0;
  let fails = false;
  const commit = new GroupCommit(() => {
    syncs++;
    return fails ? Promise.reject(new Error("EIO")) : Promise.resolve();
  });
  commit.wrote(MIB);
  expect(syncs).toBe(0);
  commit.wrote(MIB);
  expect(syncs).toBe(1);
  await commit.settled();
  commit.wrote(MIB);
  await commit.flush();
  expect(syncs).toBe(2);
  // What a flush has covered counts no more.
  commit.wrote(MIB);
  expect(syncs).toBe(2);
  fails = true;
  commit.wrote(MIB);
  await commit.settled();
  expect(syncs).toBe(3);
  await expect(commit.flush()).rejects.toThrow("EIO");
});
