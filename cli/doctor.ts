import { command } from "./command.ts";
export function doctorCommand() {
  return command("doctor", { summary: "check" });
}
