/**
 * One conversation in bytes, both ways: what a socket, a TLS connection and a channel of a link have in common, and the
 * only thing by which iSCSI and the tunnel know each other.
 */

/** Both directions of one conversation. Exactly one reader and one writer use it. */
export interface Duplex {
  /**
   * The next bytes in order, at least one, or undefined once the peer has ended its direction cleanly.
   *
   * The view is lent: it holds until the next `read`. One `read` at a time.
   *
   * @throws {ConnectionLost} where the conversation was cut, by either side or from within
   */
  read(): Promise<Uint8Array | undefined>;

  /**
   * Sends `bytes` after all that was written before.
   *
   * The array is lent until the promise resolves: only then may the caller change it. The promise resolves when the conversation
   * is ready for more, which is how a slow reader slows its writer: a caller that awaits it is bounded. Writes that are started
   * while another is pending follow it in the order of the calls.
   *
   * A write is never split over more records of a link than its size demands.
   *
   * @throws {ConnectionLost} where the conversation was cut
   */
  write(bytes: Uint8Array): Promise<void>;

  /** Whether a write of that many bytes now would have done with its array when the call returns. Absent where it is not known. */
  takes?(bytes: number): boolean;

  /** Ends this direction after all that was written; the peer reads undefined. Reading goes on. Harmless when repeated. */
  close(): Promise<void>;

  /**
   * How often what carries the conversation has paused and gone on: odd while it is paused. Absent where it never does. While it is paused
   * nothing comes, and that means nothing.
   */
  readonly pauses?: number;

  /** Cuts both directions at once. Pending and later reads and writes reject with `reason`. Harmless when repeated. */
  abort(reason?: Error): void;
}

/** What listens for conversations: a TCP listener on loopback, say. */
export interface Listener<T> {
  /** Where it listens, for people: `127.0.0.1:3260`. */
  readonly address: string;
  /** The next one, or undefined once closed. */
  accept(): Promise<T | undefined>;
  /** Stops listening. Conversations already accepted go on. */
  close(): void;
}
