/**
 * Flags of V8 for the program, however it is started: the built file, and the sources in tests and benches.
 *
 * What is allocated and soon forgotten, a few small objects a PDU, has room for 2 MiB instead of 16 before it is collected; what stays is
 * collected anew when a fifth has come to it, instead of half. The daemons' data is in buffers, which do not lie there but are given back by
 * such a collection alone: so speed is the same, and each daemon's peak is some 80 MiB lower.
 */
export const V8_FLAGS =
  "--v8-flags=--max-semi-space-size=2,--heap-growing-percent=20";
