/**
 * As much of HTTP/1.1 (RFC 9110, RFC 9112) as a scraper needs: the head of one request in, one answer out, and the connection ends. A body
 * is not read. Pure.
 */

import { utf8 } from "../base/bytes.ts";
import { PeerError } from "../base/errors.ts";

/** The longest head of a request, with the empty line at its end. */
export const MAX_HEAD_BYTES = 8 * 1024;

const REASONS = {
  200: "OK",
  400: "Bad Request",
  404: "Not Found",
  405: "Method Not Allowed",
  421: "Misdirected Request",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
  505: "HTTP Version Not Supported",
} as const;

export type Status = keyof typeof REASONS;

/** A request that cannot be taken, and what it is answered with. */
export class RefusedRequest extends PeerError {
  readonly status: Status;

  constructor(status: Status, message: string) {
    super(message);
    this.status = status;
  }
}

/** What was asked for. */
export interface Request {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  /** The name by which the server was found, without its port. HTTP/1.0 may leave it out. */
  readonly host: string | undefined;
}

/** Section 3 of RFC 9112: `GET /metrics HTTP/1.1`; the target may name the server, too. */
const REQUEST_LINE =
  /^([!#$%&'*+.^_`|~0-9A-Za-z-]+) (?:http:\/\/[^/?# ]+)?(\/[^?# ]*|\*)(?:\?[^# ]*)? HTTP\/(\d)\.(\d)$/;
const FIELD = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):(.*)$/;
const HOST = /^(\[[0-9A-Fa-f:.]+\]|[^\s:/@[\]]*)(?::\d*)?$/;
const END = "\r\n\r\n";

/** Reads the head of one request, however its bytes arrive. */
export class RequestReader {
  #text = "";

  /** The request once all of its head is there; what follows is left alone. @throws {RefusedRequest} */
  receive(bytes: Uint8Array): Request | undefined {
    const from = Math.max(0, this.#text.length - END.length);
    const room = MAX_HEAD_BYTES - this.#text.length;
    // Each byte is a character: nothing that is looked at may hold others.
    this.#text += String.fromCharCode(...bytes.subarray(0, room));
    const end = this.#text.indexOf(END, from);
    if (end >= 0) return requestOf(this.#text.slice(0, end).split("\r\n"));
    if (bytes.length < room) return undefined;
    throw new RefusedRequest(
      431,
      `The head is longer than ${MAX_HEAD_BYTES} bytes`,
    );
  }
}

function requestOf([line = "", ...fields]: readonly string[]): Request {
  const match = REQUEST_LINE.exec(line);
  if (!match) throw new RefusedRequest(400, "The request line makes no sense");
  const [, method = "", path = "", major, minor] = match;
  if (major !== "1") {
    throw new RefusedRequest(505, "HTTP/1.1 is spoken here, and HTTP/1.0");
  }
  const hosts = fields.map((field) => {
    const match = FIELD.exec(field);
    if (!match) throw new RefusedRequest(400, "A header field makes no sense");
    const [, name = "", value = ""] = match;
    return name.toLowerCase() === "host" ? hostOf(value.trim()) : undefined;
  }).filter((host) => host !== undefined);
  // RFC 9112 section 3.2: one is missing, or they disagree.
  if (hosts.length > 1 || (hosts.length === 0 && minor !== "0")) {
    throw new RefusedRequest(400, "There must be one Host");
  }
  return { method, path, host: hosts[0] };
}

function hostOf(value: string): string {
  const host = HOST.exec(value)?.[1];
  if (host === undefined) throw new RefusedRequest(400, "No such Host can be");
  return host;
}

/**
 * Whether a web page of anybody's could have asked by this host. It has a name, which can be made to mean this machine after the page has
 * been loaded from another; an address, or the name localhost, cannot.
 */
export function isForeignName(host: string | undefined): boolean {
  if (host === undefined || host === "") return false;
  return !/^(localhost|\d{1,3}(\.\d{1,3}){3}|\[.*\])$/i.test(host);
}

/** What is answered. */
export interface Answer {
  readonly status: Status;
  readonly contentType?: string;
  /** More fields, whole: `Allow: GET`. */
  readonly fields?: readonly string[];
  readonly body: Uint8Array;
}

/** What goes ahead of the answer's body. It is the connection's last. */
export function encodeHead(
  { status, contentType, fields = [], body }: Answer,
  nowMs: number,
): Uint8Array<ArrayBuffer> {
  const lines = [
    `HTTP/1.1 ${status} ${REASONS[status]}`,
    `Date: ${new Date(nowMs).toUTCString()}`,
    `Content-Type: ${contentType ?? "text/plain; charset=utf-8"}`,
    `Content-Length: ${body.length}`,
    "Cache-Control: no-store",
    "X-Content-Type-Options: nosniff",
    "Connection: close",
    ...fields,
  ];
  return utf8(`${lines.join("\r\n")}${END}`);
}
