import { expect } from "expect";
import { toHex } from "../base/bytes.ts";
import { systemPrimitives as primitives } from "../os/primitives.ts";
import { openCheckpoint } from "./checkpoint.ts";
import { VolumeKeys } from "./keys.ts";
import { openSegment } from "./segment.ts";
import { openSnapshot } from "./snapshot.ts";
import { openSuperblock } from "./superblock.ts";
import { computed, counting, hex, readVectors } from "./testing/vectors.ts";
import { parseKey, parseRecovery, unlockKey } from "./volume_key.ts";

const { inputs, outputs } = readVectors();
const keys = new VolumeKeys(primitives, hex(inputs.volumeKey));
const volumeId = hex(inputs.volumeId);

Deno.test("the inputs of the golden vectors make their outputs", async () => {
  expect(await computed(inputs)).toEqual(outputs);
});

Deno.test("the outputs of the golden vectors give their inputs back", async () => {
  const { passphrase } = inputs;
  const key = inputs.volumeKey;
  expect(toHex(parseKey(primitives, outputs.keyFile))).toBe(key);
  const text = outputs.lockedKeyFile;
  expect(toHex(await unlockKey(primitives, { text, passphrase }))).toBe(key);
  const sheet = outputs.recoveryLines.join("\n");
  expect(toHex(parseRecovery(primitives, sheet))).toBe(key);
  expect(outputs.names.map((name) => keys.parseName(name)))
    .toEqual(inputs.names);

  const { number, previous, extents, dataBytes } = inputs.segment;
  const bytes = hex(outputs.segment);
  const segment = openSegment(keys, { volumeId, number, bytes });
  expect(toHex(segment.data)).toBe(toHex(counting(dataBytes)));
  expect(segment.extents).toEqual(
    extents.map((extent, i) => ({ ...extent, at: [0, undefined, 1][i] })),
  );
  expect(segment.head.epoch).toBe(inputs.epoch);
  expect(segment.head.timeMs).toBe(inputs.timeMs);
  expect(toHex(segment.head.previous)).toBe(previous);
  expect(toHex(segment.head.digest)).toBe(outputs.segmentDigest);

  const checkpoint = openCheckpoint(keys, {
    volumeId,
    number: inputs.checkpoint.number,
    bytes: hex(outputs.checkpoint),
  });
  expect([...checkpoint.extents]).toEqual(inputs.checkpoint.extents);
  expect(checkpoint.snapshots).toEqual(inputs.checkpoint.snapshots);
  expect(checkpoint.volumeBytes).toBe(inputs.checkpoint.volumeBytes);
  expect(checkpoint.nextSegment).toBe(inputs.checkpoint.nextSegment);
  const { salt, dataStart } = segment.head;
  const { liveBytes } = inputs.checkpoint;
  expect(checkpoint.segments).toEqual([{
    ...{ number, digest: hex(outputs.segmentDigest), salt: salt.slice() },
    ...{ dataStart, dataBytes, liveBytes },
  }]);
  expect(toHex(checkpoint.head.previous)).toBe(outputs.segmentDigest);

  const drained = {
    ...{ journal: hex(inputs.drained.journal), last: inputs.drained.last },
  };
  const telling = openSegment(keys, {
    ...{ volumeId, number: inputs.drained.number },
    bytes: hex(outputs.drainedSegment),
  });
  expect(telling.drained).toEqual(drained);
  const { drained: read } = openCheckpoint(keys, {
    ...{ volumeId, number: inputs.checkpoint.number },
    bytes: hex(outputs.drainedCheckpoint),
  });
  expect(read).toEqual(drained);

  expect(openSuperblock(keys, hex(outputs.superblock))).toEqual({
    ...inputs.superblock,
    volumeId,
    epoch: inputs.epoch,
    timeMs: inputs.timeMs,
  });
  const snapshot = openSnapshot(keys, {
    volumeId,
    number: inputs.checkpoint.number,
    bytes: hex(outputs.snapshot),
  });
  expect(snapshot).toMatchObject({
    name: inputs.snapshot.name,
    volumeBytes: inputs.checkpoint.volumeBytes,
    liveBytes: inputs.checkpoint.liveBytes,
    timeMs: inputs.timeMs,
  });
  expect(toHex(snapshot.checkpointDigest)).toBe(outputs.checkpointDigest);
  const noted = openSegment(keys, {
    volumeId,
    number: inputs.note.number,
    bytes: hex(outputs.note),
  });
  expect(noted.extents).toEqual([]);
  expect(noted.note).toEqual({
    kind: inputs.note.kind,
    snapshot: inputs.checkpoint.number,
    digest: hex(outputs.checkpointDigest),
  });

  const { noteNumber, ancestors, ...its } = inputs.clone;
  const clone = { ...its, volumeId: hex(its.volumeId) };
  const snapshotNumber = inputs.checkpoint.number;
  const told = openSegment(keys, {
    ...{ volumeId, number: noteNumber, bytes: hex(outputs.clonedNote) },
  });
  expect(told.note).toEqual({
    ...{ kind: "cloned", snapshot: snapshotNumber, clone },
    digest: hex(outputs.checkpointDigest),
  });
  const cloned = openCheckpoint(keys, {
    ...{ volumeId, number: snapshotNumber },
    bytes: hex(outputs.clonedCheckpoint),
  });
  expect(cloned.clones).toEqual([{ snapshot: snapshotNumber, clone }]);
  const { names, segments } = outputs.segmentKeys;
  expect(openSuperblock(keys, hex(outputs.cloneSuperblock)).ancestors)
    .toEqual(ancestors.map((one) => ({
      ...{ ...one, volumeId: hex(one.volumeId) },
      keys: { names: hex(names), segments: hex(segments) },
    })));
  // Whoever has these has the segments, and nothing else.
  const lent = new VolumeKeys(primitives, {
    ...{ names: hex(names), segments: hex(segments) },
  });
  expect(toHex(openSegment(lent, { volumeId, number, bytes }).data))
    .toBe(toHex(counting(dataBytes)));
  expect(() => openSuperblock(lent, hex(outputs.superblock)))
    .toThrow("the segments alone");
});
