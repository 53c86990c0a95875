/** A store that gives answers which no real one can be made to give, and a client of it. */

import { systemClock } from "../../os/clock.ts";
import { S3Bucket, type S3Options } from "../s3_bucket.ts";

/** An answer as it goes over the wire; undefined: none. After it the connection is closed. */
export type Answer = string | undefined;

/** A server that reads each request to its end and gives `answer`. */
export function server(answer: (request: string) => Answer) {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const connections = new Set<Deno.Conn>();
  const seen: string[] = [];
  const serve = async (connection: Deno.Conn) => {
    connections.add(connection);
    const buffer = new Uint8Array(65_536);
    let text = "";
    for (;;) {
      const length = await connection.read(buffer).catch(() => null);
      if (length === null) return void connections.delete(connection);
      text += new TextDecoder("latin1").decode(buffer.subarray(0, length));
      const [head, body] = text.split(/\r\n\r\n(.*)/s);
      const expected = Number(/content-length: (\d+)/i.exec(head!)?.[1] ?? 0);
      if (body !== undefined && body.length >= expected) break;
    }
    seen.push(text);
    const reply = answer(text);
    if (reply === undefined) return;
    await connection.write(new TextEncoder().encode(reply));
    if (connections.delete(connection)) connection.close();
  };
  const serving = (async () => {
    for await (const connection of listener) void serve(connection);
  })();
  return {
    seen,
    endpoint: `http://127.0.0.1:${listener.addr.port}`,
    async [Symbol.asyncDispose]() {
      listener.close();
      for (const connection of connections) connection.close();
      await serving;
    },
  };
}

/** A client of the store there. */
export function open(
  endpoint: string,
  more: Partial<S3Options> = {},
): S3Bucket {
  return new S3Bucket({
    endpoint,
    bucket: "photos",
    region: "eu-central-1",
    pathStyle: true,
    credentials: { accessKeyId: "AK", secretAccessKey: "SK" },
    clock: systemClock,
    ...more,
  });
}

/** An answer, whole. */
export const answer = (status: string, body = "", more = "") =>
  `HTTP/1.1 ${status}\r\nContent-Length: ${body.length}\r\n${more}Connection: close\r\n\r\n${body}`;
