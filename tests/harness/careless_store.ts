/**
 * An S3 store that keeps no If-None-Match, as there are: a real one behind a door that takes the header away, and signs anew what it passes on
 * (AWS, "Signature Version 4").
 */
import { createHash, createHmac } from "node:crypto";
import type { Ceph } from "./ceph.ts";

const SERVICE = "s3";
/** What goes through beside `x-amz-…`. */
const PASSED = ["content-md5", "content-type", "range"];

export class CarelessStore implements AsyncDisposable {
  readonly port: number;
  /** Conditions that were taken away. */
  dropped = 0;
  readonly #ceph: Ceph;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor(ceph: Ceph) {
    this.#ceph = ceph;
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      (request) => this.#pass(request),
    );
    this.port = this.#server.addr.port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }

  async #pass(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    const target = new URL(this.#ceph.access().endpoint);
    target.pathname = pathname;
    target.search = canonicalQuery(searchParams);
    const headers = new Headers();
    for (const [name, value] of request.headers) {
      if (name === "if-none-match") this.dropped++;
      if (PASSED.includes(name) || name.startsWith("x-amz-")) {
        headers.set(name, value);
      }
    }
    headers.set("authorization", this.#sign(request.method, target, headers));
    const body = new Uint8Array(await request.arrayBuffer());
    const answer = await fetch(target, {
      method: request.method,
      headers,
      ...(request.body && { body }),
    });
    return new Response(answer.body, {
      status: answer.status,
      headers: answer.headers,
    });
  }

  #sign(method: string, { host, pathname, search }: URL, headers: Headers) {
    const { credentials, region } = this.#ceph.access();
    const signed = [...headers].filter(([name]) => name.startsWith("x-amz-"));
    const lines = [["host", host] as const, ...signed].toSorted();
    const names = lines.map(([name]) => name).join(";");
    const time = headers.get("x-amz-date") ?? "";
    const canonical = [
      ...[method, pathname, search.replace(/^\?/, "")],
      ...lines.map(([name, value]) => `${name}:${value.trim()}`),
      ...["", names, headers.get("x-amz-content-sha256") ?? ""],
    ].join("\n");
    const scope = `${time.slice(0, 8)}/${region}/${SERVICE}/aws4_request`;
    const text = ["AWS4-HMAC-SHA256", time, scope, sha256(canonical)]
      .join("\n");
    let key: Uint8Array = new TextEncoder()
      .encode(`AWS4${credentials.secretAccessKey}`);
    for (const part of scope.split("/")) key = hmac(key, part);
    const signature = [...hmac(key, text)]
      .map((byte) => byte.toString(16).padStart(2, "0")).join("");
    return `AWS4-HMAC-SHA256 Credential=${credentials.accessKeyId}/${scope}, SignedHeaders=${names}, Signature=${signature}`;
  }
}

function canonicalQuery(params: URLSearchParams): string {
  const encode = (text: string) =>
    encodeURIComponent(text).replace(
      /[!'()*]/g,
      (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`,
    );
  return [...params]
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .toSorted().join("&");
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function hmac(key: Uint8Array, text: string): Uint8Array {
  return createHmac("sha256", key).update(text).digest();
}
