/** What a terminal or a service manager tells a process to do. */

/** Windows knows no SIGTERM and no SIGHUP to a console program; closing its window sends SIGBREAK. */
function stopSignals(): readonly Deno.Signal[] {
  return Deno.build.os === "windows"
    ? ["SIGINT", "SIGBREAK"]
    : ["SIGINT", "SIGTERM", "SIGHUP"];
}

/**
 * Calls `first` at the first request to stop and `again` at every later one, until the returned function is called.
 *
 * SIGHUP counts: a daemon whose terminal is closed drains like one that is told to.
 */
export function onStopSignals(
  reactions: {
    readonly first: (signal: string) => void;
    readonly again: (signal: string) => void;
  },
): () => void {
  let count = 0;
  const removals = stopSignals().map((signal) => {
    const react = () => {
      count += 1;
      if (count === 1) reactions.first(signal);
      else reactions.again(signal);
    };
    Deno.addSignalListener(signal, react);
    return () => Deno.removeSignalListener(signal, react);
  });
  return () => {
    for (const remove of removals.splice(0)) remove();
  };
}
