/** The door that devices come to: open, tried, and watched by the audit log. */

import type { Audit } from "../base/audit.ts";
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { Primitives } from "../base/primitives.ts";
import type { Address } from "../os/tcp.ts";
import { type LinkListener, listenLinks } from "../../tunnel/listen.ts";
import { auditTo } from "./audit_log.ts";
import type { NodeState } from "./node_state.ts";

export interface NodeLinksOptions {
  readonly state: NodeState;
  readonly listen: Address;
  readonly resumeWindowMs?: number;
  readonly clock: Clock;
  readonly primitives: Primitives;
  readonly log: Log;
}

/** Listens for devices. @throws {VaultError} where the address is taken, or the tunnel lets in whom it must not */
export async function openTestedLinks(
  options: NodeLinksOptions,
): Promise<LinkListener> {
  // Whom the self-test has turned away is no news.
  const audit = quietly(options);
  const links = await openLinks(options, audit.tell);
  try {
    await links.selfTest();
  } catch (thrown) {
    links.close();
    throw thrown;
  }
  audit.speakUp();
  return links;
}

function openLinks(
  options: NodeLinksOptions,
  audit: Audit,
): Promise<LinkListener> {
  const { state, clock, primitives, log, listen } = options;
  return listenLinks({
    hostname: listen.hostname,
    port: listen.port,
    identity: state.identity,
    authority: state.authority,
    registry: state.registry,
    invitations: state.invitations,
    ...(options.resumeWindowMs === undefined
      ? {}
      : { resumeWindowMs: options.resumeWindowMs }),
    // What it throws is the promise's affair: strangers bring it about, and nobody above them catches anything.
    persist: () => new Promise((resolve) => resolve(state.persist())),
    primitives,
    clock,
    log,
    audit,
  });
}

/** An audit log whose lines are details until it is told to speak up. */
function quietly(
  { log, state }: NodeLinksOptions,
): { readonly tell: Audit; speakUp: () => void } {
  const aloud = auditTo(log);
  let tell: Audit = ({ kind, ...facts }) => log.debug(kind, facts);
  return {
    tell: (event) => tell(event),
    speakUp: () => {
      tell = (event) => {
        aloud(event);
        state.audit.tell(event);
      };
    },
  };
}
