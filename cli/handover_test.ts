import { expect } from "expect";
import { TempDir } from "../tests/harness/temp_dir.ts";
import { handoverOf } from "./handover.ts";

const ASK = {
  by: "desktop",
  boundMs: 9900,
  volume: "photos",
  device: "/dev/sdx",
};
const never = new AbortController().signal;

Deno.test("the command of --on-handover knows what it is for, and what it complains of is told", async () => {
  using dir = new TempDir();
  const told: string[] = [];
  const tell = (step: string) => void told.push(step);
  const into = dir.at("said");
  const names = ["VOLUME", "BY", "DISK", "WITHIN_SECONDS"]
    .map((name) => `$VAULT_${name}`).join(" ");
  const handover = handoverOf({ onHandover: `echo "${names}" >'${into}'` });
  await handover?.run(ASK, tell, never);
  expect(Deno.readTextFileSync(into)).toBe("photos desktop /dev/sdx 9\n");
  expect(told).toEqual(["running its --on-handover command"]);
  const failing = handoverOf({
    onHandover: "echo one >&2; echo target is busy >&2; exit 32",
  });
  await expect(failing?.run(ASK, tell, never)).rejects.toThrow(
    "its --on-handover command ended with 32: target is busy",
  );
  expect(handoverOf({})).toBeUndefined();
});

Deno.test("a command that nobody waits for any more is ended", async () => {
  const over = new AbortController();
  const began = performance.now();
  const running = handoverOf({ onHandover: "exec sleep 30" })
    ?.run(ASK, () => {}, over.signal);
  setTimeout(() => over.abort(new Error("The volume was taken")), 100);
  await expect(running).rejects.toThrow("The volume was taken");
  expect(performance.now() - began).toBeLessThan(10_000);
});
