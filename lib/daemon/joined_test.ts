import { expect } from "expect";
import { join } from "node:path";
import { chooseNode, joinedNodes, recallNode, rememberNode } from "./joined.ts";
import { StateFolder } from "./state_folder.ts";

function withState(run: (state: StateFolder) => void): void {
  const folder = Deno.makeTempDirSync({ prefix: "vault-joined-" });
  try {
    run(new StateFolder(join(folder, "state")));
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

const node = (id: string, address: string) => ({
  name: "laptop",
  certificatePem: "certificate",
  keyPem: "key",
  caPem: "ca",
  nodeId: id.repeat(32),
  address,
});
const VM = node("ab", "vm.example.org:9443");
const HOME = node("cd", "[::1]:9443");

Deno.test("a joined node is remembered privately, and joining again replaces it", () =>
  withState((state) => {
    rememberNode(state, { ...VM, address: "old.example.org:1" });
    rememberNode(state, VM);
    rememberNode(state, HOME);
    expect(joinedNodes(state)).toEqual([HOME, VM]);
    const file = join(state.joined, "abababababab.json");
    expect(Deno.statSync(file).mode! & 0o777).toBe(0o600);
  }));

Deno.test("a node whose id was made to begin like another's does not take its place", () =>
  withState((state) => {
    rememberNode(state, VM);
    const twin = { ...HOME, nodeId: VM.nodeId.slice(0, 12) + "0".repeat(52) };
    expect(() => rememberNode(state, twin)).toThrow("passes for the one at");
    expect(joinedNodes(state)).toEqual([VM]);
    expect(recallNode(state, VM.nodeId)).toEqual(VM);
    expect(recallNode(state, twin.nodeId)).toBeUndefined();
    expect(recallNode(state, HOME.nodeId)).toBeUndefined();
  }));

Deno.test("the only node needs no name; several are told apart by address, host or id", () =>
  withState((state) => {
    expect(() => chooseNode(state, undefined)).toThrow("has joined no node");
    rememberNode(state, VM);
    expect(chooseNode(state, undefined)).toEqual(VM);
    rememberNode(state, HOME);
    expect(() => chooseNode(state, undefined)).toThrow("joined several nodes");
    for (const wanted of ["vm.example.org:9443", "vm.example.org", "abab"]) {
      expect(chooseNode(state, wanted)).toEqual(VM);
    }
    for (const wanted of ["ab", "vm", "other.example.org"]) {
      expect(() => chooseNode(state, wanted)).toThrow(`no node "${wanted}"`);
    }
  }));

Deno.test("a state folder that others may enter is closed to them", () =>
  withState((state) => {
    Deno.chmodSync(state.path, 0o755);
    new StateFolder(state.path);
    expect(Deno.statSync(state.path).mode! & 0o777).toBe(0o700);
  }));

Deno.test("one process at a time holds the node's folder", () =>
  withState((state) => {
    const lock = state.lockNode();
    expect(lock).toBeDefined();
    expect(new StateFolder(state.path).lockNode()).toBeUndefined();
    lock?.release();
    const again = state.lockNode();
    expect(again).toBeDefined();
    again?.release();
  }));
