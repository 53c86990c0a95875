import { command } from "./command.ts";
export function demoCommand() {
  return command("demo", { summary: "check" });
}
