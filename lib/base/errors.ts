/**
 * Errors by whose fault they are. Anything else that leaves a machine (`TypeError`, `RangeError`) is a defect.
 */

/**
 * What a program that called us may have to tell apart; the command line makes its exit status of it.
 *
 * `usage`: what was asked makes no sense. `not-found`: no such volume, device, node, user. `refused`: not allowed, not
 * authenticated, revoked, expired. `unreachable`: nobody answers. `conflict`: it exists already, or something holds it.
 */
export type ErrorKind =
  | "usage"
  | "not-found"
  | "refused"
  | "unreachable"
  | "conflict";

/** A sentence for the person at the keyboard, and where possible another that says what to do. */
export class VaultError extends Error {
  /** Always this, or the name of a class that extends it. */
  override readonly name: string = "VaultError";
  /** What to do about it, a sentence or undefined. */
  readonly hint: string | undefined;
  /** Undefined: none of the kinds, it failed. */
  readonly kind: ErrorKind | undefined;

  /** `cause` is what made it fail, where that was an error. */
  constructor(
    message: string,
    options: { hint?: string; kind?: ErrorKind; cause?: unknown } = {},
  ) {
    super(
      message,
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.hint = options.hint;
    this.kind = options.kind;
  }
}

/** The other end broke the protocol. What was expected and what came, in a sentence fit for a log. */
export class PeerError extends Error {
  /** Always this, or the name of a class that extends it. */
  override readonly name: string = "PeerError";
}

/** The conversation was cut: reset, closed without goodbye, or aborted from this side. */
export class ConnectionLost extends Error {
  /** Always this. */
  override readonly name: string = "ConnectionLost";
}

/** A defect of this program: something that its own code promises does not hold. */
export class InvariantError extends Error {
  override readonly name: string = "InvariantError";
}

/** Throws {@linkcode InvariantError} with `message` unless `condition` holds. */
export function invariant(
  condition: unknown,
  message: string,
): asserts condition {
  if (!condition) throw new InvariantError(message);
}

/** The message of anything thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
