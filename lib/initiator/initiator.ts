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
import type { ChapPrimitives } from "../iscsi/chap.ts";
import { Session, type SessionEvent } from "./session.ts";

export interface InitiatorOptions {
  /** The conversation with the target. The session owns it from now on. */
  readonly duplex: Duplex;
  readonly primitives: ChapPrimitives;
  /** iqn.… */
  readonly initiatorName: string;
  /** Without one the session is a discovery session. */
  readonly targetName?: string;
  /** Six bytes; random unless given. */
  readonly isid?: Uint8Array;
  readonly chap?: InitiatorChap;
  /** What is acceptable, best first. None unless given. */
  readonly headerDigest?: readonly Digest[];
  readonly dataDigest?: readonly Digest[];
  /** What else is proposed in place of the usual. */
  readonly offer?: Partial<Offer>;
  readonly onEvent?: (event: SessionEvent) => void;
}

/** ISID type 10b: random (RFC 7143 section 11.12.5). */
const ISID_RANDOM = 0x80;

/**
 * Logs in.
 *
 * @throws {LoginFailure} where the target refuses, with its status
 * @throws {PeerError} where it breaks the protocol or does not prove itself
 * @throws {ConnectionLost} where the conversation ends before
 */
export async function connectInitiator(
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

function randomIsid(primitives: ChapPrimitives): Uint8Array {
  const isid = primitives.random(6);
  isid[0] = ISID_RANDOM;
  return isid;
}
