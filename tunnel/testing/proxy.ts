/** A TCP proxy between a device and its node, which looks at the bytes on their way. */

/** What becomes of a piece of bytes on its way; `up` is from the device to the node. */
export type Meddler = (
  bytes: Uint8Array,
  way: "up" | "down",
) => Uint8Array | undefined;

export interface Proxy {
  /** HOST:PORT. */
  readonly address: string;
  /** Changes what happens from now on. Undefined from it cuts the connection. */
  meddle: Meddler;
  close(): void;
}

export function startProxy(target: string): Proxy {
  const [hostname, port] = target.split(":") as [string, string];
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open = new Set<Deno.Conn>();
  const proxy: Proxy = {
    address: `127.0.0.1:${(listener.addr as Deno.NetAddr).port}`,
    meddle: (bytes) => bytes,
    close() {
      listener.close();
      for (const conn of open) close(conn);
    },
  };
  const close = (conn: Deno.Conn) => {
    if (open.delete(conn)) conn.close();
  };
  const pump = async (from: Deno.Conn, to: Deno.Conn, way: "up" | "down") => {
    const buffer = new Uint8Array(64 * 1024);
    try {
      while (true) {
        const length = await from.read(buffer);
        if (length === null) break;
        const bytes = proxy.meddle(buffer.slice(0, length), way);
        if (!bytes) break;
        for (let at = 0; at < bytes.length;) {
          at += await to.write(bytes.subarray(at));
        }
      }
    } catch {
      // Either end may have cut: so does the other.
    }
    close(from);
    close(to);
  };
  (async () => {
    for await (const near of listener) {
      const far = await Deno.connect({ hostname, port: Number(port) });
      open.add(near).add(far);
      void pump(near, far, "up");
      void pump(far, near, "down");
    }
  })().catch(() => {});
  return proxy;
}
