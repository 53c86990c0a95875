/** A relay on loopback for conversations without TLS: it can hold the answers back, and reset every connection. */

export class Relay implements AsyncDisposable {
  readonly port: number;
  /** Bytes towards the server so far. */
  sentBytes = 0;
  /** Bytes towards the client, before they are held. */
  answeredBytes = 0;
  readonly #listener: Deno.TcpListener;
  readonly #targetPort: number;
  readonly #open = new Set<Deno.Conn>();
  readonly #passages = new Set<Promise<void>>();
  #held: PromiseWithResolvers<void> | undefined;

  constructor(targetPort: number) {
    this.#targetPort = targetPort;
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.port = this.#listener.addr.port;
    this.#accept();
  }

  /** Sends no answer on until {@linkcode release}. */
  hold(): void {
    this.#held ??= Promise.withResolvers<void>();
  }

  release(): void {
    this.#held?.resolve();
    this.#held = undefined;
  }

  /** Closes every connection in the middle of whatever it carries. */
  cutAll(): void {
    for (const end of this.#open) end.close();
    this.#open.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    this.cutAll();
    this.release();
    await Promise.all(this.#passages);
  }

  async #accept(): Promise<void> {
    for await (const client of this.#listener) {
      const passage = this.#pass(client).finally(() =>
        this.#passages.delete(passage)
      );
      this.#passages.add(passage);
    }
  }

  async #pass(client: Deno.Conn): Promise<void> {
    const server = await Deno.connect({
      hostname: "127.0.0.1",
      port: this.#targetPort,
    });
    const ends = [client, server];
    for (const end of ends) this.#open.add(end);
    await Promise.allSettled([
      this.#relay(client, server, (n) => this.sentBytes += n),
      this.#relay(server, client, async (n) => {
        this.answeredBytes += n;
        await this.#held?.promise;
      }),
    ]);
    for (const end of ends) if (this.#open.delete(end)) end.close();
  }

  async #relay(
    from: Deno.Conn,
    to: Deno.Conn,
    before: (length: number) => unknown,
  ): Promise<void> {
    const buffer = new Uint8Array(65_536);
    for (
      let length = await from.read(buffer);
      length !== null;
      length = await from.read(buffer)
    ) {
      await before(length);
      for (let at = 0; at < length;) {
        at += await to.write(buffer.subarray(at, length));
      }
    }
    await to.closeWrite();
  }
}
