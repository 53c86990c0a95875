/** The project's own small initiator: a login over a Duplex, and the session that it gives. */

import type { Duplex } from "../base/duplex.ts";
import { ConnectionLost } from "../base/errors.ts";
import { Framer } from "../iscsi/framer.ts";
import {
  type InitiatorChap,
  InitiatorLogin,
  type InitiatorLoginResult,
} from "../iscsi/initiator_login.ts";
import { LOGIN_DATA_SEGMENT_BYTES } from "../iscsi/login_reply.ts";
import { type Digest, INITIATOR_OFFER, type Offer } from "../iscsi/offer.ts";
import type { Primitives } from "../base/primitives.ts";
import type { InitiatorSession, SessionEvent } from "./initiator_session.ts";
import { Session } from "./session.ts";

/** With whom to log in, as whom, and how. */
export interface InitiatorOptions {
  /** The conversation with the target. The session owns it from now on, also where the login fails. */
  readonly duplex: Duplex;
  /** For the ISID and for CHAP. */
  readonly primitives: Pick<Primitives, "hash" | "random" | "equal">;
  /** Who we are: an iSCSI name (RFC 7143 section 4.2.7), `iqn.2026-11.internal.example:laptop` say. */
  readonly initiatorName: string;
  /** To whom. Without one the session is a discovery session, which can ask for the targets and nothing else. */
  readonly targetName?: string;
  /**
   * Six bytes that tell this session from others of the same initiator (RFC 7143 section 11.12.5): logging in with those of a session
   * that lives ends that one. Random unless given.
   */
  readonly isid?: Uint8Array;
  /** Who proves what. Without it the login fails where the target asks for proof. */
  readonly chap?: InitiatorChap;
  /** Checksums over headers that are acceptable, best first (RFC 7143 section 13.1). Only None unless given. */
  readonly headerDigest?: readonly Digest[];
  /** The same over data. */
  readonly dataDigest?: readonly Digest[];
  /** What else is proposed, in place of what suits most targets. */
  readonly offer?: Partial<Offer>;
  /** Told what happens without having been asked for. */
  readonly onEvent?: (event: SessionEvent) => void;
}

/** ISID type 10b: random (RFC 7143 section 11.12.5). */
const ISID_RANDOM = 0x80;

/**
 * Logs in over a conversation with a target, or without a `targetName` with its portal.
 *
 * @example What does a portal offer?
 * ```ts
 * import { connectInitiator, connectTcp, MemoryStore, offerStore, parseAddress, systemPrimitives } from "@vault/vault";
 *
 * const store = new MemoryStore(2 ** 20);
 * const offered = offerStore({ store, targetName: "iqn.2026-11.internal.example:memory" });
 * const portal = offered.listen({ hostname: "127.0.0.1", port: 0 });
 *
 * const session = await connectInitiator({
 *   duplex: await connectTcp(parseAddress(portal)),
 *   primitives: systemPrimitives,
 *   initiatorName: "iqn.2026-11.internal.example:me",
 * });
 * const [target] = await session.discover();
 * if (target?.name !== offered.targetName) throw new Error("It is not there");
 * await session.logout();
 *
 * await offered.close();
 * ```
 *
 * @throws {LoginFailure} where the target refuses, with its status
 * @throws {PeerError} where it breaks the protocol or does not prove itself
 * @throws {ConnectionLost} where the conversation ends before
 */
export function connectInitiator(
  options: InitiatorOptions,
): Promise<InitiatorSession> {
  return connectSession(options);
}

/** The same, for tests of this room: they look inside. */
export async function connectSession(
  options: InitiatorOptions,
): Promise<Session> {
  const { duplex, onEvent } = options;
  const framer = new Framer({ maxDataSegmentBytes: LOGIN_DATA_SEGMENT_BYTES });
  try {
    const login = await logIn(options, framer);
    return new Session({
      duplex,
      framer,
      login,
      ...(onEvent && { onEvent }),
    });
  } catch (thrown) {
    duplex.abort(thrown instanceof Error ? thrown : undefined);
    throw thrown;
  }
}

async function logIn(
  options: InitiatorOptions,
  framer: Framer,
): Promise<InitiatorLoginResult> {
  const { duplex, initiatorName, targetName, primitives, chap } = options;
  const machine = new InitiatorLogin({
    initiatorName,
    ...(targetName !== undefined && { targetName }),
    ...(chap && { chap }),
    primitives,
    isid: options.isid ?? randomIsid(primitives),
    offer: {
      ...INITIATOR_OFFER,
      headerDigest: options.headerDigest ?? ["None"],
      dataDigest: options.dataDigest ?? ["None"],
      ...options.offer,
    },
  });
  await duplex.write(machine.start());
  for (;;) {
    const chunk = await duplex.read();
    if (chunk === undefined) {
      throw new ConnectionLost("The target closed the connection during login");
    }
    framer.push(chunk);
    for (let pdu = framer.next(); pdu !== undefined; pdu = framer.next()) {
      const step = machine.receive(pdu);
      if (step.kind === "complete") {
        const { parameters } = step.login;
        framer.set({
          digests: {
            header: parameters.headerDigest,
            data: parameters.dataDigest,
          },
          maxDataSegmentBytes: parameters.ourMaxRecvDataSegmentLength,
        });
        // What the chunk holds beyond the login is read by the session before anything else.
        return step.login;
      }
      await duplex.write(step.request);
    }
  }
}

function randomIsid(primitives: InitiatorOptions["primitives"]): Uint8Array {
  const isid = primitives.random(6);
  isid[0] = ISID_RANDOM;
  return isid;
}
