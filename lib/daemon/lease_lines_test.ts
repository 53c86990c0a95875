import { expect } from "expect";
import * as v from "valibot";
import { TargetName } from "./lease_lines.ts";

const named = (iqn: string) => v.is(TargetName, iqn);

Deno.test("a target's name is one that may stand in a shell's command, an argument and a path", () => {
  for (
    const iqn of [
      "iqn.2026-11.internal.vault:0123456789ab.photos",
      "iqn.2001-04.com.example:storage.disk1_sys1",
      "eui.02004567A425678D",
      "naa.52004567BA64678D",
      "n".repeat(223),
    ]
  ) expect([iqn, named(iqn)]).toEqual([iqn, true]);
  for (
    const iqn of [
      "",
      "n".repeat(224),
      "iqn.x:a; rm -rf ~",
      "iqn.x:$(id)",
      "iqn.x:`id`",
      "iqn.x:a\nb",
      "iqn.x:a\n",
      "iqn.x:a b",
      "iqn.x:a'b",
      "iqn.x:a,lun=1",
      "../../../home/somebody",
      "iqn.x:a/../../b",
      "..",
      "--login",
      "iqn.x:\u001b[2J",
      "iqn.x:\u202ea",
    ]
  ) expect([iqn, named(iqn)]).toEqual([iqn, false]);
});
