/**
 * What stands in the 128 bytes that a caller keeps for each open: which of the client's opens it is.
 * The rest is zero, and nothing in it is believed.
 */
import { layout } from '../layout-table.js';

const BLOCK = layout(128, {
  mark: [4, 'tells a block from anything else'],
  id: [4, 'which open of the engine'],
  reserved: [120, 'zero'],
});

export const POSITION_BLOCK_SIZE = BLOCK.size;

const MARK = 0x4d_49_53_49;

/** Writes the id of an open into a block. */
export function writeBlock(block: Uint8Array, id: number): void {
  block.fill(0, 0, BLOCK.size);
  setWord(block, BLOCK.mark, MARK);
  setWord(block, BLOCK.id, id);
}

export function clearBlock(block: Uint8Array): void {
  block.fill(0, 0, BLOCK.size);
}

/** The id of an open; 0 if the block has none. */
export function readBlock(block: Uint8Array): number {
  return word(block, BLOCK.mark) === MARK ? word(block, BLOCK.id) : 0;
}

// Without a view, which would be made for every call.

function word(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] ?? 0) |
      ((bytes[at + 1] ?? 0) << 8) |
      ((bytes[at + 2] ?? 0) << 16) |
      ((bytes[at + 3] ?? 0) << 24)) >>>
    0
  );
}

function setWord(bytes: Uint8Array, at: number, value: number): void {
  for (let i = 0; i < 4; i++) bytes[at + i] = (value >>> (8 * i)) & 0xff;
}
