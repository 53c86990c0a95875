/** The version of this program, as `deno.json` says it. */

import config from "../../deno.json" with { type: "json" };

export const VERSION: string = config.version;
