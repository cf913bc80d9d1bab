/**
 * One key of an open data file: its definition, its codec and its tree, and the rows that the
 * operation under way works with.
 *
 * Rows are made here: the normalised key, the sequence of a linked duplicate, the record address.
 */
import { fromOrderedWord, orderedWord } from '../trees/index-page.js';
import type { BTree } from '../trees/b-tree.js';
import type { KeyCodec } from '../keys/key-codec.js';
import { isDescending, isModifiable, type KeyDefinition } from '../keys/key-definition.js';
import { KEY_TYPE } from '../keys/key-types.js';
import { keepShape } from '../object-shape.js';

const TWO_32 = 0x1_0000_0000;

/** The number by which the system key is known. */
export const SYSTEM_KEY = 125;

/** What it takes to find the value of a key in a record. */
export type KeyOfRecord = Pick<FileKey, 'codec' | 'isSystem'>;

export class FileKey {
  definition: KeyDefinition;
  number: number;
  readonly codec: KeyCodec;
  readonly tree: BTree;
  /** Bytes of a key value in a key buffer. */
  readonly length: number;
  readonly isUnique: boolean;
  readonly isModifiable: boolean;
  readonly isSystem: boolean;
  /** The first segment, that is. */
  readonly isDescending: boolean;
  /** Offset of its sequence in a slot, if duplicates are linked; else -1. */
  readonly sequenceAt: number;
  /** Offset in the record and length of the field, for an autoincrement key; else length 0. */
  readonly autoincrement: { readonly offset: number; readonly length: number };
  /** Offsets in the record of fields that are given the time. */
  readonly timestamps: readonly number[];
  /** The first segment is one of them, so that the index is in the order of time. */
  readonly isByTime: boolean;
  /** Those of them that the operation under way has given it. */
  readonly stamped: number[] = [];
  /** The row of the record that is being stored, or of the key value that is looked for. */
  readonly row: Int32Array;
  /** The row that the record being changed has now. */
  readonly oldRow: Int32Array;
  /** Whether the record being stored, and the one being changed, are not in the index. */
  isNull = false;
  wasNull = false;
  /** `descents` of the tree when the row was looked for in vain, in this operation; else -1. */
  lookedFor = -1;
  /** Whether the row changes. */
  moves = false;
  /** The operation under way has given the autoincrement field its value. */
  isAssigned = false;
  /** What `findHighest` found, in halves. */
  readonly highest = { high: 0, low: 0 };
  readonly #found: Int32Array;

  constructor(definition: KeyDefinition, codec: KeyCodec, tree: BTree, sequenceAt: number) {
    this.definition = definition;
    this.number = definition.number;
    this.codec = codec;
    this.tree = tree;
    this.length = codec.keyLength;
    this.isUnique = tree.shape.order === 'unique';
    this.isModifiable = isModifiable(definition);
    this.isSystem = definition.number === SYSTEM_KEY;
    this.sequenceAt = sequenceAt;
    this.row = new Int32Array(tree.rowWords);
    this.oldRow = new Int32Array(tree.rowWords);
    this.#found = new Int32Array(tree.rowWords);
    const [segment] = definition.segments;
    this.isDescending = segment !== undefined && isDescending(segment);
    const counts = segment?.type === KEY_TYPE.AUTOINCREMENT && definition.segments.length === 1;
    this.timestamps = definition.segments
      .filter(({ type }) => type === KEY_TYPE.AUTOTIMESTAMP)
      .map(({ offset }) => offset);
    this.isByTime = segment?.type === KEY_TYPE.AUTOTIMESTAMP;
    this.autoincrement = counts ? segment : { offset: 0, length: 0 };
    keepShape(this);
  }

  /** After a key below it was dropped. */
  renumber(definition: KeyDefinition): void {
    this.definition = definition;
    this.number = definition.number;
  }

  /** Words of the normalised key value. */
  get keyWords(): number {
    return this.tree.shape.keyWords;
  }

  /**
   * Puts the highest number that is in the index into `highest`, 0 without any. The first segment is a
   * number without a sign, of so many bytes: 2, 4 or 8. A reading operation.
   */
  findHighest(length: number): void {
    const isThere = this.isDescending ? this.tree.first() : this.tree.last();
    this.#readHighest(isThere, length);
  }

  /** The same, of numbers of 8 bytes below a limit. */
  findHighestBelow({ high, low }: { readonly high: number; readonly low: number }): void {
    const flip = this.isDescending ? -1 : 0;
    this.#found[0] = orderedWord(high ^ flip);
    this.#found[1] = orderedWord(low ^ flip);
    const { tree } = this;
    const isThere = this.isDescending ? tree.above(this.#found, 2) : tree.below(this.#found, 2);
    this.#readHighest(isThere, 8);
  }

  /** Numbers lie in the words as their bytes, the highest first, turned over where they descend. */
  #readHighest(isThere: boolean, length: number): void {
    const { highest } = this;
    highest.high = 0;
    highest.low = 0;
    if (!isThere) return;
    this.tree.copyRow(this.#found);
    const first = this.#word(0);
    if (length < 4) highest.low = first >>> (32 - 8 * length);
    else if (length === 4) highest.low = first;
    else {
      highest.high = first;
      highest.low = this.#word(1);
    }
  }

  #word(index: number): number {
    const word = fromOrderedWord(this.#found[index] ?? 0);
    return this.isDescending ? ~word >>> 0 : word;
  }

  /** Puts record address and, for linked duplicates, sequence into a row that begins at `at`. */
  complete(row: Int32Array, address: number, sequence: number, at = 0): void {
    // The array may be longer than the row.
    const last = at + this.row.length - 1;
    row[last] = orderedWord(address);
    if (this.sequenceAt < 0) return;
    row[last - 2] = orderedWord(sequence / TWO_32);
    row[last - 1] = orderedWord(sequence);
  }

  /** Whether the rows differ in the key value. */
  get differs(): boolean {
    for (let i = 0; i < this.keyWords; i++) if (this.row[i] !== this.oldRow[i]) return true;
    return false;
  }
}
