import { expect } from "expect";
import { utf8 } from "../base/bytes.ts";
import { duplexPair } from "../base/duplex_pair.ts";
import { ConnectionLost } from "../base/errors.ts";
import { LoginFailure } from "../iscsi/login_failure.ts";
import { systemPrimitives } from "../os/primitives.ts";
import { connectInitiator } from "./initiator.ts";
import { ScriptedTarget } from "./scripted_target.ts";

Deno.test("initiator: a refused login says why", async () => {
  const [near, far] = duplexPair();
  const target = new ScriptedTarget(far);
  const secret = utf8("annas-secret");
  const login = connectInitiator({
    duplex: near,
    primitives: systemPrimitives,
    initiatorName: "iqn.1994-05.example:laptop",
    targetName: "iqn.2024-01.example:photos",
    chap: { initiator: { user: "anna", secret: utf8("another-one!") } },
  });
  const failed = expect(login).rejects.toThrow(LoginFailure);
  const accepted = await target.accept({
    primitives: systemPrimitives,
    chap: { users: [{ user: "anna", secret }] },
  });
  expect(accepted).toBe(false);
  await failed;
  await expect(login).rejects.toThrow("authentication failed");
});

Deno.test("initiator: a target that hangs up during login", async () => {
  const [near, far] = duplexPair();
  const login = connectInitiator({
    duplex: near,
    primitives: systemPrimitives,
    initiatorName: "iqn.1994-05.example:laptop",
  });
  await far.close();
  await expect(login).rejects.toThrow(ConnectionLost);
});
