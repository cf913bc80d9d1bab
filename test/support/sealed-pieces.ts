/** Pieces that are sealed where they are written, for disks that are no disks. */
import { SEAL, sealPiece } from '../../src/microkernel/page-seal.js';
import type { WritePiece } from '../../src/microkernel/ports.js';

const GENERATION_SIZE = 8;

/** The bytes that reach the disk, in memory of their own. The piece stays as it is. */
export function bytesOf(piece: WritePiece): Uint8Array {
  const { buffer, offset, length, seal } = piece;
  // Not `slice`: that of a `Buffer` copies nothing.
  const bytes = new Uint8Array(length);
  bytes.set(buffer.subarray(offset, offset + length));
  if (seal === undefined) return bytes;
  const own = { ...seal, checksums: new Uint32Array(1) };
  sealPiece({ buffer: bytes, offset: 0, length, at: 0, seal: own });
  return bytes;
}

/** Whether the memory of a piece is what it was when `bytesOf` gave `bytes`, whether it was sealed since or not. */
export function isUnchanged(
  { buffer, offset, length, seal }: WritePiece,
  bytes: Uint8Array,
): boolean {
  const found = buffer.subarray(offset, offset + length);
  if (seal === undefined) return Buffer.compare(found, bytes) === 0;
  const afterGeneration = SEAL.generation + GENERATION_SIZE;
  return [[SEAL.checked, SEAL.generation] as const, [afterGeneration, length] as const].every(
    ([from, to]) => Buffer.compare(found.subarray(from, to), bytes.subarray(from, to)) === 0,
  );
}
