/** Who asks for metrics in memory, by a clock of the test's: slow, many and rude ones. */
import { expect } from "expect";
import { utf8 } from "../base/bytes.ts";
import type { Duplex } from "../base/duplex.ts";
import { type Log, silent } from "../base/log.ts";
import { Door, readAll, STATUS } from "../control/node_fixture.ts";
import type { NodeStatus } from "../control/operations.ts";
import { settled, TestClock } from "../../tunnel/testing/clock.ts";
import {
  MAX_SCRAPERS,
  MetricsService,
  PAGE_MS,
  SCRAPE_MS,
} from "./metrics_service.ts";

const ASK = "GET /metrics HTTP/1.1\r\nHost: localhost:9464\r\n\r\n";

interface Parts {
  readonly clock: TestClock;
  readonly service: MetricsService;
  /** How often the node was asked. */
  readonly asked: () => number;
  readonly errors: readonly string[];
  readonly door: Door;
  /** What is answered, to whoever ends the conversation then. */
  ask(request?: string): Promise<string>;
}

async function withService(
  test: (parts: Parts) => Promise<void>,
  options: {
    readonly isPrivate?: boolean;
    readonly status?: () => Promise<NodeStatus>;
  } = {},
): Promise<void> {
  const { isPrivate = true, status = () => Promise.resolve(STATUS) } = options;
  const clock = new TestClock();
  const door = new Door();
  const errors: string[] = [];
  const log: Log = { ...silent, error: (message) => errors.push(message) };
  const service = new MetricsService({
    ...{ listener: door, isPrivate, clock, log },
  });
  let asked = 0;
  service.serve(() => {
    asked++;
    return status();
  });
  await test({
    ...{ clock, service, errors, door, asked: () => asked },
    async ask(request = ASK) {
      const connection = door.connect();
      await connection.write(utf8(request));
      const answer = await readAll(connection);
      await connection.close();
      return answer;
    },
  });
  await service.close();
  expect(clock.timers).toBe(0);
}

const statusOf = (answer: string) => Number(answer.split(" ")[1]);

Deno.test("GET /metrics is answered, and nothing else is", () =>
  withService(async ({ ask }) => {
    const answer = await ask();
    const [head = "", body = ""] = answer.split("\r\n\r\n");
    expect(head).toContain("HTTP/1.1 200 OK\r\n");
    expect(head).toContain("Content-Type: text/plain; version=0.0.4;");
    expect(head).toContain(`Content-Length: ${utf8(body).length}\r\n`);
    expect(body).toContain('\nvault_volume_up{volume="photos"} 1\n');

    const at = (line: string) => ask(`${line} HTTP/1.1\r\nHost: [::1]\r\n\r\n`);
    for (const path of ["/", "/metrics/", "/metrics2", "/Metrics", "/.."]) {
      expect([path, statusOf(await at(`GET ${path}`))]).toEqual([path, 404]);
    }
    for (const method of ["POST", "PUT", "DELETE", "OPTIONS", "get"]) {
      const answer = await at(`${method} /metrics`);
      expect([method, statusOf(answer)]).toEqual([method, 405]);
      expect(answer).toContain("\r\nAllow: GET\r\n");
    }
    expect(await at("HEAD /metrics")).toMatch(/^HTTP\/1.1 405 .*\r\n\r\n$/s);
    expect(statusOf(await ask("junk\r\n\r\n"))).toBe(400);
  }));

Deno.test("a name of a host may be a web page's, but where others may ask anyhow", async () => {
  const byName = ASK.replace("localhost", "evil.example");
  await withService(async ({ ask, asked }) => {
    expect(statusOf(await ask(byName))).toBe(421);
    expect(asked()).toBe(0);
  });
  await withService(async ({ ask }) => {
    expect(statusOf(await ask(byName))).toBe(200);
  }, { isPrivate: false });
});

Deno.test("who asks within a second of another gets the same, and later what is so then", async () => {
  let sizeBytes = 512;
  const status = () =>
    Promise.resolve({
      ...STATUS,
      volumes: [{ ...STATUS.volumes[0]!, sizeBytes }],
    });
  await withService(async ({ ask, asked, clock }) => {
    const all = await Promise.all(
      Array.from({ length: MAX_SCRAPERS }, () => ask()),
    );
    expect(new Set(all).size).toBe(1);
    await clock.pass(PAGE_MS - 1);
    sizeBytes = 1024;
    const size = async () =>
      /vault_volume_size_bytes\{\S+ (\d+)/.exec(await ask())?.[1];
    expect(await size()).toBe("512");
    expect(asked()).toBe(1);
    await clock.pass(1);
    expect(await size()).toBe("1024");
    expect(asked()).toBe(2);
  }, { status });
});

Deno.test("one more than may ask at once is cut, and has a place when another has gone", () =>
  withService(async ({ door, ask }) => {
    const idle = Array.from({ length: MAX_SCRAPERS }, () => door.connect());
    await settled();
    expect(await ask().catch((thrown) => thrown.name)).toMatch(
      /^(ConnectionLost)?$/,
    );
    await idle[0]!.close();
    await settled();
    expect(statusOf(await ask())).toBe(200);
    for (const connection of idle) connection.abort();
  }));

Deno.test("who is slow has its time, whatever it is slow at, and nothing of it is left", async () => {
  const slow: readonly ((connection: Duplex) => Promise<void>)[] = [
    async () => {},
    async (connection) => await connection.write(utf8(ASK.slice(0, -1))),
    // It takes the answer and does not end the conversation.
    async (connection) => await connection.write(utf8(ASK)),
  ];
  for (const begin of slow) {
    await withService(async ({ door, clock }) => {
      const connection = door.connect();
      await begin(connection);
      await settled();
      await clock.pass(SCRAPE_MS - 1);
      expect(clock.timers).toBe(1);
      await clock.pass(1);
      expect(clock.timers).toBe(0);
      await expect(connection.write(utf8("x"))).rejects.toThrow("Aborted");
    });
  }
});

Deno.test("who does not read the answer has its time, too", () =>
  withService(async ({ door, clock, asked }) => {
    // Nothing of the answer fits.
    const connection = door.connect({ windowBytes: 1 });
    void connection.write(utf8(ASK));
    await settled();
    expect([asked(), clock.timers]).toEqual([1, 1]);
    await clock.pass(SCRAPE_MS);
    expect(clock.timers).toBe(0);
    expect(await readAll(connection)).not.toContain("vault_links");
  }));

Deno.test("a status that cannot be had is an error to who asks, and the log says why", async () => {
  let fails = true;
  const status = () =>
    fails ? Promise.reject(new Error("no disk")) : Promise.resolve(STATUS);
  await withService(async ({ ask, errors, clock }) => {
    expect(statusOf(await ask())).toBe(500);
    expect(errors).toEqual(["The metrics cannot be told: no disk"]);
    fails = false;
    await clock.pass(PAGE_MS);
    expect(statusOf(await ask())).toBe(200);
  }, { status });
});

Deno.test("closing cuts all who are there", () =>
  withService(async ({ door, service }) => {
    const idle = door.connect();
    await idle.write(utf8("GET "));
    await settled();
    await service.close();
    await expect(idle.read()).rejects.toThrow();
  }));
