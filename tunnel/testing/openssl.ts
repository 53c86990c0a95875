/** `openssl s_client` as a stranger who knocks: the judge is not this project's own client. */

import { concat } from "../../lib/base/bytes.ts";
import type { Credentials } from "../../lib/pki/identity.ts";

/** What openssl printed, and whether the server sent application data or kept the connection open for it. */
export async function opensslKnock(
  address: string,
  options: {
    credentials?: Credentials;
    caPem: string;
    /** Sent once connected. */
    send: Uint8Array;
    /** Hangs up after so many bytes of answer; without it the server has to. */
    enoughBytes?: number;
    flags?: readonly string[];
  },
): Promise<{ text: string; answered: Uint8Array; code: number }> {
  const dir = await Deno.makeTempDir();
  try {
    const file = (name: string, pem: string) => {
      Deno.writeTextFileSync(`${dir}/${name}`, pem);
      return `${dir}/${name}`;
    };
    const { credentials } = options;
    const args = [
      "s_client",
      "-connect",
      address,
      "-servername",
      "node.vault.internal",
      "-alpn",
      "vault/1",
      "-CAfile",
      file("ca.pem", options.caPem),
      "-verify_return_error",
      "-quiet",
      "-no_ign_eof",
      ...(credentials
        ? [
          "-cert",
          file("cert.pem", credentials.certificatePem),
          "-key",
          file("key.pem", credentials.keyPem),
        ]
        : []),
      ...(options.flags ?? []),
    ];
    const child = new Deno.Command("openssl", {
      args,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const writer = child.stdin.getWriter();
    const sending = writer.write(options.send).catch(() => {});
    // Standard input stays open: closing it would end the conversation from this side.
    const errors = new Response(child.stderr).text();
    const chunks: Uint8Array[] = [];
    let length = 0;
    for await (const chunk of child.stdout) {
      chunks.push(chunk);
      length += chunk.length;
      if (length >= (options.enoughBytes ?? Infinity)) child.kill();
    }
    const { code } = await child.status;
    await sending;
    await writer.close().catch(() => {});
    return { text: await errors, answered: concat(chunks), code };
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}
