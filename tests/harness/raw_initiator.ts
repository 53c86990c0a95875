/** Just enough of an initiator to be rude: it logs in without asking for anything, and then sends what it likes. */
import type { FoundDisk } from "./libiscsi.ts";
import { within } from "./until.ts";

const BHS_BYTES = 48;

type LoginTarget = Pick<FoundDisk, "portal" | "iqn">;

/** RFC 7143 section 11.12: a login request straight to full feature phase, all keys in one PDU. */
function loginRequest(iqn: string): Uint8Array {
  const text = new TextEncoder().encode(
    "InitiatorName=iqn.2026-01.test.vault:rude\0SessionType=Normal\0" +
      `TargetName=${iqn}\0`,
  );
  const request = pdu({ opcode: 0x43, flags: 0x87, data: text });
  // ISID: the "random" format, section 11.12.5.
  request[8] = 0x80;
  crypto.getRandomValues(request.subarray(9, 14));
  return request;
}

/** A PDU with a basic header and data; `announcedBytes` is the length that it claims where that is not the data's. */
export function pdu(
  parts: {
    opcode: number;
    flags?: number;
    data?: Uint8Array;
    announcedBytes?: number;
    totalAhsLength?: number;
  },
): Uint8Array {
  const { data = new Uint8Array() } = parts;
  const bytes = new Uint8Array(BHS_BYTES + Math.ceil(data.length / 4) * 4);
  const announced = parts.announcedBytes ?? data.length;
  bytes[0] = parts.opcode;
  bytes[1] = parts.flags ?? 0x80;
  bytes[4] = parts.totalAhsLength ?? 0;
  bytes.set([announced >>> 16, announced >>> 8 & 0xff, announced & 0xff], 5);
  bytes.set(data, BHS_BYTES);
  return bytes;
}

/** One connection to a portal or to anything else that listens on loopback. */
export class RawConnection implements Disposable {
  readonly #connection: Deno.Conn;

  private constructor(connection: Deno.Conn) {
    this.#connection = connection;
  }

  static async open(port: number): Promise<RawConnection> {
    return new RawConnection(
      await Deno.connect({ hostname: "127.0.0.1", port }),
    );
  }

  /** Opens a connection and logs in to the disk's target. */
  static async login(disk: LoginTarget): Promise<RawConnection> {
    const { raw, response } = await RawConnection.tryLogin(disk);
    // Opcode 0x23, status class 0, and the phase that was asked for.
    if (response[0] !== 0x23 || response[36] !== 0 || response[1] !== 0x87) {
      throw new Error(`Login refused: ${response.toHex()}`);
    }
    return raw;
  }

  /** The same, and gives the Login Response whatever it says. */
  static async tryLogin(
    disk: LoginTarget,
  ): Promise<{ raw: RawConnection; response: Uint8Array }> {
    const port = Number(disk.portal.slice(disk.portal.lastIndexOf(":") + 1));
    const raw = await RawConnection.open(port);
    await raw.send(loginRequest(disk.iqn));
    return { raw, response: await raw.receive() };
  }

  /** The basic header of the next PDU; its data is passed over. */
  async receive(): Promise<Uint8Array> {
    const header = await this.#readExactly(BHS_BYTES);
    const length = header[5]! << 16 | header[6]! << 8 | header[7]!;
    await this.#readExactly(Math.ceil(length / 4) * 4);
    return header;
  }

  /** Sends as much as the other end takes. False where it has closed. */
  async send(bytes: Uint8Array): Promise<boolean> {
    try {
      for (let at = 0; at < bytes.length;) {
        at += await this.#connection.write(bytes.subarray(at));
      }
      return true;
    } catch {
      return false;
    }
  }

  /** Reads and forgets until the other end closes; rejects after `timeoutMs`. */
  async expectClosed(timeoutMs: number): Promise<void> {
    const drain = async () => {
      const buffer = new Uint8Array(65536);
      try {
        while (await this.#connection.read(buffer) !== null);
      } catch {
        // Reset: closed as well.
      }
    };
    const draining = drain();
    try {
      await within(draining, { what: "the other end closes", timeoutMs });
    } finally {
      this[Symbol.dispose]();
      await draining;
    }
  }

  async #readExactly(length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length;) {
      const read = await this.#connection.read(bytes.subarray(at));
      if (read === null) throw new Error("The other end closed");
      at += read;
    }
    return bytes;
  }

  [Symbol.dispose](): void {
    try {
      this.#connection.close();
    } catch {
      // Closed already.
    }
  }
}
