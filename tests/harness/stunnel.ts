/** stunnel at both ends with certificates checked on both sides, TLS 1.3: what a user would run in place of the tunnel. */
import { TestAuthority } from "./certificates.ts";
import { freePort, listens } from "./loopback.ts";
import { type Program, start } from "./process.ts";
import { pathOf } from "./scenario.ts";
import { TempDir } from "./temp_dir.ts";

/** Two stunnels: the initiator dials `port`, and the far one dials `targetPort`. */
export class StunnelPair implements AsyncDisposable {
  readonly port: number;
  readonly near: Program;
  readonly far: Program;
  #dir: TempDir;

  private constructor(
    parts: { port: number; near: Program; far: Program; dir: TempDir },
  ) {
    this.port = parts.port;
    this.near = parts.near;
    this.far = parts.far;
    this.#dir = parts.dir;
  }

  static async start(targetPort: number): Promise<StunnelPair> {
    const dir = new TempDir();
    const ca = await TestAuthority.create(dir);
    const [tlsPort, port] = [freePort(), freePort()];
    const common = [
      "foreground = yes",
      "pid =",
      "syslog = no",
      "debug = 4",
      "sslVersion = TLSv1.3",
      "socket = l:TCP_NODELAY=1",
      "socket = r:TCP_NODELAY=1",
    ];
    const end = async (
      name: string,
      options: { client: boolean; accept: number; connect: number },
    ) => {
      const { cert, key } = await ca.issue(name);
      const config = dir.write(
        `${name}.conf`,
        [
          ...common,
          "[iscsi]",
          `client = ${options.client ? "yes" : "no"}`,
          `accept = 127.0.0.1:${options.accept}`,
          `connect = 127.0.0.1:${options.connect}`,
          `cert = ${cert}`,
          `key = ${key}`,
          `CAfile = ${ca.cert}`,
          "verifyChain = yes",
          "",
        ].join("\n"),
      );
      return await start({
        command: pathOf("stunnel") ?? "stunnel",
        args: [config],
        ready: () => listens(options.accept),
      });
    };
    const far = await end("far", {
      client: false,
      accept: tlsPort,
      connect: targetPort,
    });
    const near = await end("near", {
      client: true,
      accept: port,
      connect: tlsPort,
    });
    return new StunnelPair({ port, near, far, dir });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.near.stop();
    await this.far.stop();
    this.#dir[Symbol.dispose]();
  }
}
