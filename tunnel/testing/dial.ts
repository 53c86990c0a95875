/** Dials as the device that its argument is, and says what came of it. For tests, as a program with an environment of its own. */

import { silent } from "../../lib/base/log.ts";
import { systemClock } from "../../lib/os/clock.ts";
import { systemPrimitives } from "../../lib/os/primitives.ts";
import { dialLink } from "../dial.ts";

if (import.meta.main) {
  const said = await dialLink({
    identity: JSON.parse(Deno.args[0]!),
    primitives: systemPrimitives,
    clock: systemClock,
    log: silent,
    audit: () => {},
  }).then(() => "up", (thrown) => `${thrown.kind}: ${thrown.message}`);
  await Deno.stdout.write(new TextEncoder().encode(said));
  Deno.exit();
}
