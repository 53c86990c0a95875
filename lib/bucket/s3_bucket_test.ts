/** The S3 client against answers that no real store can be made to give. */
import { expect } from "expect";
import { systemClock } from "../os/clock.ts";
import { BucketError, type BucketFault, MAX_READ_BYTES } from "./bucket.ts";
import { answer, open, server } from "./testing/wire_store.ts";

const coded = (status: string, code: string) =>
  answer(status, `<Error><Code>${code}</Code><Message>Words</Message></Error>`);

async function errorOf(act: () => Promise<unknown>): Promise<BucketError> {
  const error = await act().then(() => undefined, (error) => error);
  expect(error).toBeInstanceOf(BucketError);
  return error;
}

const BYTES = new Uint8Array(10);

const MEANINGS: readonly [string, BucketFault][] = [
  [coded("500 Oh", "InternalError"), "uncertain"],
  [answer("502 Bad Gateway", "<html>"), "uncertain"],
  [coded("503 Slow Down", "SlowDown"), "uncertain"],
  [coded("409 Conflict", "ConditionalRequestConflict"), "uncertain"],
  [coded("408 Late", "RequestTimeout"), "uncertain"],
  [coded("400 Late", "RequestTimeout"), "uncertain"],
  [coded("400 Damaged", "BadDigest"), "uncertain"],
  [coded("429 Many", "TooManyRequests"), "uncertain"],
  [coded("403 Clock", "RequestTimeTooSkewed"), "uncertain"],
  ["HTTP/1.1 200", "uncertain"],
  ["", "uncertain"],
  [coded("403 No", "AccessDenied"), "refused"],
  [coded("401 Who", "Unauthorized"), "refused"],
  [coded("400 Old", "ExpiredToken"), "refused"],
  [coded("404 None", "NoSuchBucket"), "no-bucket"],
  [coded("501 No", "NotImplemented"), "unsupported"],
  [coded("400 Wrong", "InvalidArgument"), "rejected"],
  [coded("301 Moved", "PermanentRedirect"), "rejected"],
];

Deno.test("what the answers to a create mean, with one request each", async () => {
  for (const [reply, fault] of MEANINGS) {
    await using store = server(() => reply);
    const bucket = open(store.endpoint);
    const error = await errorOf(() => bucket.create("d/1", BYTES));
    expect([reply, error.fault]).toEqual([reply, fault]);
    expect(error.message).not.toContain("UnknownError");
    expect(store.seen).toHaveLength(1);
    await bucket.close();
  }
});

Deno.test("good manners of somebody else than the store are no answer", async () => {
  await using portal = server(() => answer("200 OK", "<html>Welcome</html>"));
  const bucket = open(portal.endpoint);
  for (
    const act of [
      () => bucket.create("d/1", BYTES),
      () => bucket.list("d/"),
      () => bucket.delete(["d/1"]),
      () => bucket.get("d/1", { offset: 0, length: 5 }),
    ]
  ) expect((await errorOf(act)).fault).toMatch(/uncertain|unsupported/);
  await bucket.close();
  await using broken = server(() => answer("200 OK", "<ListBucketResult"));
  const second = open(broken.endpoint);
  expect((await errorOf(() => second.list("d/"))).fault).toBe("uncertain");
  await second.close();
});

Deno.test("a create says that it replaces nothing, and 412 that there is something", async () => {
  await using store = server(() => coded("412 Failed", "PreconditionFailed"));
  const bucket = open(store.endpoint, { prefix: "photos/" });
  expect(await bucket.create("d/1", BYTES)).toBe("exists");
  const [request] = store.seen;
  expect(request).toMatch(/^PUT \/photos\/photos\/d\/1\S* HTTP/);
  expect(request).toMatch(/\r\nif-none-match: \*\r\n/i);
  expect(request).toMatch(/\r\ncontent-length: 10\r\n/i);
  expect(request).not.toMatch(/chunked|x-amz-checksum/i);
  await bucket.close();
});

Deno.test("a body that ends early is no object", async () => {
  const cut =
    "HTTP/1.1 200 OK\r\nContent-Length: 100\r\nConnection: close\r\n\r\n12345";
  await using store = server(() => cut);
  const bucket = open(store.endpoint);
  const error = await errorOf(() => bucket.get("d/1"));
  expect(error.fault).toBe("uncertain");
  await bucket.close();
});

Deno.test("a body that is longer than was asked for is not read", async () => {
  const part = (body: string) =>
    answer("206 Part", body, "Content-Range: bytes 5-14/100\r\n");
  const endless = "HTTP/1.1 206 Part\r\nContent-Range: bytes 5-14/100\r\n" +
    `Connection: close\r\n\r\n${"x".repeat(1000)}`;
  for (const reply of [part("12345678901"), endless]) {
    await using store = server(() => reply);
    const bucket = open(store.endpoint);
    const error = await errorOf(() =>
      bucket.get("d/1", { offset: 5, length: 10 })
    );
    expect(error.fault).toBe("rejected");
    await bucket.close();
  }
  await using store = server(() => part("1234567890"));
  const bucket = open(store.endpoint);
  expect((await bucket.get("d/1", { offset: 5, length: 10 }))?.length).toBe(10);
  expect(store.seen[0]).toMatch(/\r\nrange: bytes=5-14\r\n/i);
  await bucket.close();
  const large = `HTTP/1.1 200 OK\r\nContent-Length: ${
    MAX_READ_BYTES + 1
  }\r\n\r\n`;
  await using other = server(() => large);
  const second = open(other.endpoint);
  expect((await errorOf(() => second.get("d/1"))).fault).toBe("rejected");
  await second.close();
});

Deno.test("a store that gives another range than that asked for is refused", async () => {
  for (
    const reply of [
      answer("200 OK", "1234567890"),
      answer("206 Part", "12345", "Content-Range: bytes 0-4/100\r\n"),
    ]
  ) {
    await using store = server(() => reply);
    const bucket = open(store.endpoint);
    const error = await errorOf(() =>
      bucket.get("d/1", { offset: 5, length: 5 })
    );
    expect(error.fault).toBe("unsupported");
    await bucket.close();
  }
});

Deno.test("a listing that goes backwards or elsewhere is refused", async () => {
  const listing = (...keys: string[]) =>
    answer(
      "200 OK",
      `<ListBucketResult><IsTruncated>true</IsTruncated>${
        keys.map((key) =>
          `<Contents><Key>${key}</Key><Size>5</Size></Contents>`
        )
          .join("")
      }</ListBucketResult>`,
    );
  const list = async (reply: string) => {
    await using store = server(() => reply);
    const bucket = open(store.endpoint, { prefix: "p/" });
    try {
      return await bucket.list("d/", "d/2");
    } finally {
      await bucket.close();
    }
  };
  expect(await list(listing("p/d/3", "p/d/4"))).toEqual({
    objects: [{ name: "d/3", sizeBytes: 5 }, { name: "d/4", sizeBytes: 5 }],
    more: true,
  });
  for (
    const keys of [["p/d/4", "p/d/3"], ["p/d/3", "p/d/3"], ["p/d/2"], ["q/d/3"]]
  ) {
    const error = await errorOf(() => list(listing(...keys)));
    expect(error.fault).toBe("unsupported");
  }
});

Deno.test("a listing that is read without the SDK says what the SDK says of it, whatever else is told", async () => {
  const page = (key: string, more = "") =>
    `<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><IsTruncated>false</IsTruncated>${more}<Contents><Key>p/d/${key}</Key><ETag>&quot;0&quot;</ETag><Size>5</Size><Owner><ID>1</ID></Owner></Contents><Contents><Key>p/e</Key><Size>0</Size></Contents></ListBucketResult>`;
  const list = async (body: string) => {
    await using store = server(() => answer("200 OK", body));
    const bucket = open(store.endpoint, { prefix: "p/" });
    try {
      return await bucket.list("");
    } finally {
      await bucket.close();
    }
  };
  const told = (name: string) => ({
    objects: [{ name, sizeBytes: 5 }, { name: "e", sizeBytes: 0 }],
    more: false,
  });
  // A comment leaves it to the SDK; so does what is not as it is written.
  for (const more of ["", "<!-- -->"]) {
    expect(await list(page("3", more))).toEqual(told("d/3"));
    expect(await list(page("a&amp;b c", more))).toEqual(told("d/a&b c"));
  }
});

Deno.test("a listing that ends early is none, and one that never ends is not read", async () => {
  const whole =
    "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>";
  const listed = async (reply: string) => {
    await using store = server(() => reply);
    const bucket = open(store.endpoint);
    const error = await errorOf(() => bucket.list("d/"));
    await bucket.close();
    return error;
  };
  const early = answer("200 OK", whole).replace(
    `Content-Length: ${whole.length}`,
    `Content-Length: ${whole.length + 1}`,
  );
  expect((await listed(early)).fault).toBe("uncertain");
  const long = answer("200 OK", whole + " ".repeat(9 * 1024 * 1024));
  expect((await listed(long)).message).toContain(
    '"the listing" is longer than 8388608 bytes',
  );
});

Deno.test("what a store did not delete is an error", async () => {
  for (
    const [code, fault] of [
      ["AccessDenied", "refused"],
      ["InternalError", "uncertain"],
    ]
  ) {
    await using store = server(() =>
      answer(
        "200 OK",
        `<DeleteResult><Error><Key>d/1</Key><Code>${code}</Code></Error></DeleteResult>`,
      )
    );
    const bucket = open(store.endpoint);
    expect((await errorOf(() => bucket.delete(["d/1"]))).fault).toBe(fault!);
    await bucket.close();
  }
});

Deno.test("a store that says nothing is given up, and so is one that stops in the middle", async () => {
  const started = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n12345";
  const held: Deno.Conn[] = [];
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const serving = (async () => {
    for await (const connection of listener) {
      held.push(connection);
      if (held.length === 1) continue;
      await connection.write(new TextEncoder().encode(started));
    }
  })();
  const bucket = open(`http://127.0.0.1:${listener.addr.port}`, {
    silenceTimeoutMs: 200,
  });
  const get = () => bucket.get("d/1");
  for (const act of [get, get, () => bucket.list("d/")]) {
    const error = await errorOf(act);
    expect(error.message).toBe("no answer within 0.2 s");
    expect(error.kind).toBe("unreachable");
  }
  await bucket.close();
  listener.close();
  for (const connection of held) connection.close();
  await serving;
});

Deno.test("closing ends what is under way", async () => {
  await using store = server(() => undefined);
  const bucket = open(store.endpoint);
  const pending = errorOf(() => bucket.get("d/1"));
  while (store.seen.length === 0) await systemClock.sleep(5);
  await bucket.close();
  expect((await pending).message).toBe("the bucket was closed");
  expect((await errorOf(() => bucket.get("d/1"))).message).toBe(
    "the bucket was closed",
  );
});

Deno.test("what is beside it lies under its own prefix, and is closed with it", async () => {
  await using store = server(() => answer("404 Not Found"));
  const bucket = open(store.endpoint, { prefix: "photos/" });
  const beside = bucket.beside("try/");
  expect(await bucket.get("m/1")).toBeUndefined();
  expect(await beside.get("m/1")).toBeUndefined();
  expect(store.seen.map((text) => text.split("?")[0])).toEqual([
    "GET /photos/photos/m/1",
    "GET /photos/try/m/1",
  ]);
  expect(() => bucket.beside("a//b")).toThrow(RangeError);
  await bucket.close();
  await expect(beside.get("m/1")).rejects.toThrow("closed");
});
