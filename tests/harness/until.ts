/** Waiting for a condition rather than for a time. */

/** Resolves once `holds` does; asks again every few milliseconds. Rejects after `timeoutMs` with `what` in its message. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  options: { timeoutMs?: number; everyMs?: number } = {},
): Promise<void> {
  const { timeoutMs = 15_000, everyMs = 20 } = options;
  const deadline = performance.now() + timeoutMs;
  while (!(await holds())) {
    if (performance.now() > deadline) {
      throw new Error(`${what}: not within ${timeoutMs / 1000} s`);
    }
    await pause(everyMs);
  }
}

/** Tries `work` again until it does not reject. Rejects after `timeoutMs` with what it said last. */
export async function eventually<T>(
  what: string,
  work: () => Promise<T>,
  options: { timeoutMs: number; everyMs?: number },
): Promise<T> {
  const deadline = performance.now() + options.timeoutMs;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (performance.now() > deadline) {
        const seconds = options.timeoutMs / 1000;
        throw new Error(`${what}: not within ${seconds} s, for ${error}`);
      }
    }
    await pause(options.everyMs ?? 100);
  }
}

/** Lets `ms` pass, for what is itself about time: a poll, a delay on a wire, a link that must stay quiet. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** What `work` gives, or a rejection once `timeoutMs` have passed. The work itself is not stopped. */
export async function within<T>(
  work: Promise<T>,
  options: { what: string; timeoutMs: number },
): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () =>
        reject(
          new Error(
            `${options.what}: not within ${options.timeoutMs / 1000} s`,
          ),
        ),
      options.timeoutMs,
    );
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
