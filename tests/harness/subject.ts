/** What the interop scenarios run against: the tunnel, the tunnel in front of tgt, and tgt itself, which shows the scenarios right. */
import { type Credentials, type FoundDisk, onlyDisk } from "./libiscsi.ts";
import type { Peer } from "./scenario.ts";
import { Tgt, TGT_IQN } from "./tgt.ts";
import { Tunnel } from "./vault.ts";
import { setChap } from "./vault_chap.ts";

export interface SubjectOptions {
  readonly sizeMib: number;
  /** Who may log in; with `target`, the target proves itself in return. */
  readonly chap?: Credentials;
}

/** One disk behind a portal on loopback. */
export interface Subject extends AsyncDisposable {
  readonly disk: FoundDisk;
}

export interface SubjectKind {
  readonly name: string;
  readonly peers: readonly Peer[];
  open(options: SubjectOptions): Promise<Subject>;
}

/** `vault attach` and `vault serve` with a volume of its own. */
export const throughTunnel: SubjectKind = {
  name: "through the tunnel",
  peers: ["iscsi-ls"],
  async open({ sizeMib, chap }) {
    const tunnel = await Tunnel.open({
      volumes: [{ name: "disk", size: `${sizeMib}MiB` }],
      prepare: async (node) => {
        if (chap !== undefined) await setChap(node, "disk", chap);
      },
    });
    return await found(tunnel, tunnel.portal, chap);
  },
};

/** `vault attach` and `vault serve --forward`, with tgt behind them. */
export const tgtThroughTunnel: SubjectKind = {
  name: "through the tunnel to tgt",
  peers: ["iscsi-ls", "tgtd", "tgtadm"],
  async open(options) {
    const tgt = await Tgt.start(tgtOptions(options));
    const tunnel = await Tunnel.open({
      volumes: [],
      attached: TGT_IQN,
      forward: `127.0.0.1:${tgt.port}`,
    });
    const both = {
      async [Symbol.asyncDispose]() {
        await tunnel[Symbol.asyncDispose]();
        await tgt[Symbol.asyncDispose]();
      },
    };
    return await found(both, tunnel.portal, options.chap);
  },
};

/** tgt alone. */
export const tgtAlone: SubjectKind = {
  name: "of tgt alone",
  peers: ["iscsi-ls", "tgtd", "tgtadm"],
  async open(options) {
    const tgt = await Tgt.start(tgtOptions(options));
    return await found(tgt, `127.0.0.1:${tgt.port}`, options.chap);
  },
};

export const subjects: readonly SubjectKind[] = [
  throughTunnel,
  tgtThroughTunnel,
  tgtAlone,
];

function tgtOptions({ sizeMib, chap }: SubjectOptions) {
  return {
    sizeBytes: sizeMib * 1024 * 1024,
    ...(chap === undefined
      ? {}
      : { chap: { user: chap.user, secret: chap.secret } }),
    ...(chap?.target === undefined ? {} : { mutualChap: chap.target }),
  };
}

async function found(
  opened: AsyncDisposable,
  portal: string,
  chap: Credentials | undefined,
): Promise<Subject> {
  try {
    // libiscsi that asks the target for proof wants it in discovery too, where no secret is asked of it.
    const oneWay = chap === undefined
      ? undefined
      : { user: chap.user, secret: chap.secret };
    const disk = await onlyDisk(portal, oneWay);
    return { disk, [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose]() };
  } catch (error) {
    await opened[Symbol.asyncDispose]();
    throw error;
  }
}
