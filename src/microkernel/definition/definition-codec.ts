/**
 * The definition as bytes, as a data file keeps it in its definition pages: what the file is, where
 * each index begins and what state it is in, and what is known of the owner.
 *
 *     definition │ key │ its segments │ key │ … │ collating sequences
 *
 * Invariants:
 * - What has been decoded is as good as what has been validated. Pages have checksums, so anything
 *   wrong here is a bug or an attack; it ends in a `BtrieveError` (2; 30 for an unknown version) and
 *   not in a wrong index.
 * - Every count is checked against the bytes there are before anything is made of it.
 */
import { assert } from '../assert.js';
import { isBlank, setU16, setU32, u16, u32 } from '../bytes.js';
import { ACS_NAME_SIZE, ACS_SIGNATURE, type CollatingSequence } from '../keys/collation.js';
import { isLinked, KEY_FLAG, type KeyDefinition, type KeySegment } from '../keys/key-definition.js';
import {
  DEFINITION,
  DEFINITION_KEY,
  DEFINITION_SEGMENT,
  DEFINITION_SEQUENCE,
  DEFINITION_VERSION,
  PAGE_LIMIT,
  PAGE_SIZES,
} from '../layout.js';
import { BtrieveError, Status } from '../status.js';
import {
  FILE_VERSION,
  isCompressed,
  isKeyOnly,
  KEY_LIMIT,
  unusedPointers,
  type FileDefinition,
} from './file-definition.js';
import { checkKeys, notesOn } from './file-rules.js';
import { fittingPageSize } from './slot-layout.js';

/** What may be done with an index: 56 in any state but the first. */
export const INDEX_STATE = Object.freeze({ IN_USE: 1, BUILDING: 2, DROPPING: 3 });
export type IndexState = (typeof INDEX_STATE)[keyof typeof INDEX_STATE];

/** Where an index begins. */
export interface StoredIndex {
  /** Number of its root page. */
  readonly root: number;
  readonly state: IndexState;
}

/** What a file keeps of a key beside its definition. */
export interface StoredKey extends StoredIndex {
  /** Which of the sequences in a slot orders its duplicates; -1 if they are not linked. */
  readonly sequence: number;
}

export interface OwnerData {
  /** 0: no owner; else 1 more than the mode it was set with. */
  readonly mode: number;
  readonly flags: number;
  /** 128 bytes. */
  readonly wrappedKey: Uint8Array;
}

export interface StoredDefinition {
  readonly file: FileDefinition;
  /** In the order of the definition's keys. */
  readonly keys: readonly StoredKey[];
  /** The index of system keys; undefined if there is none. */
  readonly systemKey: StoredIndex | undefined;
  readonly owner: OwnerData;
}

export const WRAPPED_KEY_SIZE = DEFINITION.size - DEFINITION.wrappedKey;

const OWNER_MODE_MAX = 4;
const NONE = 0xff;
const TRAIT = Object.freeze({ SYSTEM_DATA: 1, WHOLE: 2 });
const ALL_TRAITS = TRAIT.SYSTEM_DATA | TRAIT.WHOLE;

/** Largest definition: as many keys, segments and sequences as there may be. */
const SIZE_MAX =
  DEFINITION.size +
  KEY_LIMIT * (DEFINITION_KEY.size + DEFINITION_SEGMENT.size + DEFINITION_SEQUENCE.size);

const NO_OWNER: OwnerData = Object.freeze({
  mode: 0,
  flags: 0,
  wrappedKey: new Uint8Array(WRAPPED_KEY_SIZE),
});

/**
 * What is stored of a new file. `roots` are those of its keys in order, and then of the index of
 * system keys if it has system data.
 */
export function newStoredDefinition(
  file: FileDefinition,
  roots: readonly number[],
): StoredDefinition {
  const rootOf = (index: number): number => {
    const root = roots[index];
    assert(root !== undefined, 'every index has a root');
    return root;
  };
  let pointers = 0;
  const keys = file.keys.map((key, index) => ({
    root: rootOf(index),
    state: INDEX_STATE.IN_USE,
    sequence: isLinked(key) ? pointers++ : -1,
  }));
  const systemKey = file.hasSystemData
    ? { root: rootOf(keys.length), state: INDEX_STATE.IN_USE }
    : undefined;
  return { file, keys, systemKey, owner: NO_OWNER };
}

/** The lowest of the sequences in a slot that no key uses; -1 if there is none. */
export function freeSequence({ file, keys }: StoredDefinition): number {
  for (let sequence = 0; sequence < file.pointerCount; sequence++)
    if (!keys.some((key) => key.sequence === sequence)) return sequence;
  return -1;
}

export function encodeDefinition(stored: StoredDefinition): Uint8Array {
  const { file, keys } = stored;
  assert(keys.length === file.keys.length, 'something is stored for each key');
  const parts: Uint8Array[] = [encodeHead(stored)];
  for (const [index, key] of file.keys.entries()) {
    const own = keys[index];
    assert(own !== undefined, 'something is stored for each key');
    parts.push(encodeKey(key, own), ...key.segments.map(encodeSegment));
  }
  parts.push(...file.sequences.map(encodeSequence));
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  setU32(viewOf(bytes), DEFINITION.length, bytes.length);
  return bytes;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

function encodeHead({ file, systemKey, owner }: StoredDefinition): Uint8Array {
  const bytes = new Uint8Array(DEFINITION.size);
  const view = viewOf(bytes);
  setU16(view, DEFINITION.version, DEFINITION_VERSION);
  setU16(view, DEFINITION.recordLength, file.recordLength);
  setU16(view, DEFINITION.requestedPageSize, file.requestedPageSize);
  setU16(view, DEFINITION.pageSize, file.pageSize);
  setU16(view, DEFINITION.flags, file.flags);
  bytes[DEFINITION.fileVersion] = file.version;
  bytes[DEFINITION.keys] = file.keys.length;
  bytes[DEFINITION.sequences] = file.sequences.length;
  bytes[DEFINITION.pointers] = file.pointerCount;
  setU16(view, DEFINITION.preallocatedPages, file.preallocatedPages);
  bytes[DEFINITION.traits] =
    (file.hasSystemData ? TRAIT.SYSTEM_DATA : 0) |
    (file.storesWholeRecordAsVariable ? TRAIT.WHOLE : 0);
  if (systemKey !== undefined) {
    bytes[DEFINITION.systemKeyState] = systemKey.state;
    setU32(view, DEFINITION.systemKeyRoot, systemKey.root);
  }
  bytes[DEFINITION.ownerMode] = owner.mode;
  setU16(view, DEFINITION.ownerFlags, owner.flags);
  assert(owner.wrappedKey.length === WRAPPED_KEY_SIZE, 'a wrapped key has 128 bytes');
  bytes.set(owner.wrappedKey, DEFINITION.wrappedKey);
  return bytes;
}

function encodeKey(key: KeyDefinition, own: StoredKey): Uint8Array {
  const bytes = new Uint8Array(DEFINITION_KEY.size);
  bytes[DEFINITION_KEY.number] = key.number;
  bytes[DEFINITION_KEY.state] = own.state;
  bytes[DEFINITION_KEY.segments] = key.segments.length;
  bytes[DEFINITION_KEY.sequence] = own.sequence < 0 ? NONE : own.sequence;
  setU32(viewOf(bytes), DEFINITION_KEY.root, own.root);
  return bytes;
}

function encodeSegment(segment: KeySegment): Uint8Array {
  const bytes = new Uint8Array(DEFINITION_SEGMENT.size);
  const view = viewOf(bytes);
  setU16(view, DEFINITION_SEGMENT.offset, segment.offset);
  setU16(view, DEFINITION_SEGMENT.length, segment.length);
  setU16(view, DEFINITION_SEGMENT.flags, segment.flags);
  bytes[DEFINITION_SEGMENT.type] = segment.type;
  bytes[DEFINITION_SEGMENT.nullValue] = segment.nullValue;
  bytes[DEFINITION_SEGMENT.sequence] = segment.sequence ?? NONE;
  return bytes;
}

function encodeSequence(sequence: CollatingSequence): Uint8Array {
  const bytes = new Uint8Array(DEFINITION_SEQUENCE.size);
  const view = viewOf(bytes);
  if (sequence.kind === 'user') {
    assert(sequence.name.length <= ACS_NAME_SIZE, 'names of sequences have up to 8 bytes');
    bytes[DEFINITION_SEQUENCE.kind] = ACS_SIGNATURE.USER;
    bytes[DEFINITION_SEQUENCE.nameLength] = sequence.name.length;
    for (let i = 0; i < sequence.name.length; i++)
      bytes[DEFINITION_SEQUENCE.name + i] = sequence.name.charCodeAt(i);
  } else {
    bytes[DEFINITION_SEQUENCE.kind] = ACS_SIGNATURE.LOCALE;
    setU16(view, DEFINITION_SEQUENCE.country, sequence.country);
    setU16(view, DEFINITION_SEQUENCE.codePage, sequence.codePage);
  }
  bytes.set(sequence.weights, DEFINITION_SEQUENCE.weights);
  return bytes;
}

function damaged(what: string, expected: string | number, found: string | number): BtrieveError {
  return new BtrieveError(Status.IO_ERROR, `the definition of the file is damaged: ${what}`, {
    reason: 'definition',
    expected: `${expected}`,
    found: `${found}`,
  });
}

/** Throws unless `found` is at most `limit`; returns it. */
function bounded(what: string, found: number, limit: number, least = 0): number {
  if (found >= least && found <= limit) return found;
  throw damaged(what, `${least} to ${limit}`, found);
}

function requireBlank(bytes: Uint8Array, at: number, length: number): void {
  if (!isBlank(bytes.subarray(at, at + length)))
    throw damaged('reserved bytes', 'zeros', `something else from byte ${at} on`);
}

/** The bytes, and how far they have been read. */
interface Reader {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  at: number;
}

function take(from: Reader, size: number): number {
  const { at } = from;
  if (at + size > from.bytes.length)
    throw damaged('its end is missing', `at least ${at + size} bytes`, from.bytes.length);
  from.at += size;
  return at;
}

/** The inverse of `encodeDefinition`. Throws 2, and 30 if the version is not known. */
export function decodeDefinition(bytes: Uint8Array): StoredDefinition {
  const from: Reader = { bytes, view: viewOf(bytes), at: 0 };
  take(from, DEFINITION.size);
  const { view } = from;
  const version = u16(view, DEFINITION.version);
  if (version !== DEFINITION_VERSION)
    throw new BtrieveError(
      Status.NOT_A_BTRIEVE_FILE,
      'the definition of the file is of a version that this engine does not know',
      { reason: 'definition-version', expected: `${DEFINITION_VERSION}`, found: `${version}` },
    );
  const size = bounded('size', u32(view, DEFINITION.length), SIZE_MAX);
  if (size !== bytes.length) throw damaged('size', bytes.length, size);
  requireBlank(bytes, DEFINITION.reservedA, 2);
  requireBlank(bytes, DEFINITION.reservedB, 1);
  const decoded = decodeKeys(from, bounded('keys', view.getUint8(DEFINITION.keys), KEY_LIMIT));
  const sequences = decodeSequences(
    from,
    bounded('sequences', view.getUint8(DEFINITION.sequences), KEY_LIMIT),
  );
  if (from.at !== size) throw damaged('size', from.at, size);
  const file = decodeFile(view, decoded.definitions, sequences);
  checkPointers(file, decoded.keys);
  const systemKey = decodeSystemKey(view, file);
  return { file, keys: decoded.keys, systemKey, owner: decodeOwner(bytes, view) };
}

function decodeState(state: number): IndexState {
  for (const known of Object.values(INDEX_STATE)) if (known === state) return known;
  throw damaged('state of an index', Object.values(INDEX_STATE).join(', '), state);
}

function decodeRoot(root: number): number {
  return bounded('root of an index', root, PAGE_LIMIT - 1);
}

function decodeKeys(
  from: Reader,
  count: number,
): { definitions: KeyDefinition[]; keys: StoredKey[] } {
  const definitions: KeyDefinition[] = [];
  const keys: StoredKey[] = [];
  let before = -1;
  for (let i = 0; i < count; i++) {
    const at = take(from, DEFINITION_KEY.size);
    const { view } = from;
    requireBlank(from.bytes, at + DEFINITION_KEY.reserved, 8);
    const number = bounded(
      'key number',
      view.getUint8(at + DEFINITION_KEY.number),
      KEY_LIMIT - 1,
      before + 1,
    );
    before = number;
    const sequence = view.getUint8(at + DEFINITION_KEY.sequence);
    keys.push({
      root: decodeRoot(u32(view, at + DEFINITION_KEY.root)),
      state: decodeState(view.getUint8(at + DEFINITION_KEY.state)),
      sequence: sequence === NONE ? -1 : sequence,
    });
    const segments = bounded(
      'segments of a key',
      view.getUint8(at + DEFINITION_KEY.segments),
      KEY_LIMIT,
      1,
    );
    definitions.push({ number, segments: decodeSegments(from, segments) });
  }
  return { definitions, keys };
}

function decodeSegments(from: Reader, count: number): KeySegment[] {
  return Array.from({ length: count }, (_, index) => {
    const at = take(from, DEFINITION_SEGMENT.size);
    const { view } = from;
    requireBlank(from.bytes, at + DEFINITION_SEGMENT.reserved, 7);
    const flags = u16(view, at + DEFINITION_SEGMENT.flags);
    const sequence = view.getUint8(at + DEFINITION_SEGMENT.sequence);
    const hasNext = (flags & KEY_FLAG.SEGMENTED) !== 0;
    if (hasNext !== index < count - 1) throw damaged('segments of a key', count, index + 1);
    if (((flags & KEY_FLAG.ACS) !== 0) !== (sequence !== NONE))
      throw damaged(
        'collating sequence of a segment',
        `as flags 0x${flags.toString(16)}`,
        sequence,
      );
    return {
      offset: u16(view, at + DEFINITION_SEGMENT.offset),
      length: u16(view, at + DEFINITION_SEGMENT.length),
      flags,
      type: view.getUint8(at + DEFINITION_SEGMENT.type),
      nullValue: view.getUint8(at + DEFINITION_SEGMENT.nullValue),
      ...(sequence === NONE ? {} : { sequence }),
    };
  });
}

function decodeSequences(from: Reader, count: number): CollatingSequence[] {
  return Array.from({ length: count }, () => {
    const at = take(from, DEFINITION_SEQUENCE.size);
    const { bytes, view } = from;
    requireBlank(bytes, at + DEFINITION_SEQUENCE.reserved, 2);
    const nameAt = at + DEFINITION_SEQUENCE.name;
    const length = bounded(
      'name of a collating sequence',
      view.getUint8(at + DEFINITION_SEQUENCE.nameLength),
      ACS_NAME_SIZE,
    );
    requireBlank(bytes, nameAt + length, ACS_NAME_SIZE - length);
    const name = String.fromCharCode(...bytes.subarray(nameAt, nameAt + length));
    const country = u16(view, at + DEFINITION_SEQUENCE.country);
    const codePage = u16(view, at + DEFINITION_SEQUENCE.codePage);
    const weightsAt = at + DEFINITION_SEQUENCE.weights;
    const weights = bytes.slice(weightsAt, at + DEFINITION_SEQUENCE.size);
    const kind = view.getUint8(at + DEFINITION_SEQUENCE.kind);
    if (kind === ACS_SIGNATURE.USER && country === 0 && codePage === 0)
      return { kind: 'user', name, weights };
    if (kind === ACS_SIGNATURE.LOCALE && length === 0)
      return { kind: 'locale', country, codePage, weights };
    throw damaged('kind of a collating sequence', '172 or 173', kind);
  });
}

function decodeFile(
  view: DataView,
  keys: readonly KeyDefinition[],
  sequences: readonly CollatingSequence[],
): FileDefinition {
  const traits = view.getUint8(DEFINITION.traits);
  const version = view.getUint8(DEFINITION.fileVersion);
  const versions: readonly number[] = Object.values(FILE_VERSION);
  if (!versions.includes(version)) throw damaged('file version', versions.join(', '), version);
  const file = {
    recordLength: u16(view, DEFINITION.recordLength),
    requestedPageSize: u16(view, DEFINITION.requestedPageSize),
    pageSize: u16(view, DEFINITION.pageSize),
    version,
    flags: u16(view, DEFINITION.flags),
    keys,
    sequences,
    pointerCount: bounded('pointers', view.getUint8(DEFINITION.pointers), KEY_LIMIT),
    preallocatedPages: u16(view, DEFINITION.preallocatedPages),
    hasSystemData: (traits & TRAIT.SYSTEM_DATA) !== 0,
    storesWholeRecordAsVariable: (traits & TRAIT.WHOLE) !== 0,
  };
  if ((traits & ~ALL_TRAITS) !== 0 || (isCompressed(file) && !file.storesWholeRecordAsVariable))
    throw damaged('traits', `in keeping with flags 0x${file.flags.toString(16)}`, traits);
  if (!PAGE_SIZES.includes(file.pageSize))
    throw damaged('page size', PAGE_SIZES.join(', '), file.pageSize);
  if (isKeyOnly(file) && (keys.length !== 1 || file.hasSystemData))
    throw damaged('key-only file', 'one key and no system data', `${keys.length} keys`);
  checkDecodedKeys(file);
  if (fittingPageSize(file) !== file.pageSize)
    throw damaged('page size', 'room for a slot and for index entries', file.pageSize);
  return { ...file, notes: notesOn(file) };
}

function checkDecodedKeys(file: Omit<FileDefinition, 'notes'>): void {
  const segments = file.keys.reduce((sum, key) => sum + key.segments.length, 0);
  bounded('segments', segments, KEY_LIMIT);
  try {
    checkKeys(file.keys, file.recordLength, file.sequences);
  } catch (error) {
    if (!(error instanceof BtrieveError)) throw error;
    throw new BtrieveError(Status.IO_ERROR, 'the definition of the file is damaged: a key', {
      reason: 'definition',
      cause: error,
    });
  }
}

/** Linked keys, and they alone, have each a sequence of their own in the slots. */
function checkPointers(file: FileDefinition, keys: readonly StoredKey[]): void {
  const used = new Set<number>();
  for (const [index, definition] of file.keys.entries()) {
    const sequence = keys[index]?.sequence ?? -1;
    if (
      isLinked(definition) !== sequence >= 0 ||
      used.has(sequence) ||
      sequence >= file.pointerCount
    )
      throw damaged(
        `sequence of key ${definition.number}`,
        `one of ${file.pointerCount}`,
        sequence,
      );
    if (sequence >= 0) used.add(sequence);
  }
  bounded('unused pointers', unusedPointers(file), KEY_LIMIT);
}

function decodeSystemKey(view: DataView, file: FileDefinition): StoredIndex | undefined {
  const state = view.getUint8(DEFINITION.systemKeyState);
  const root = u32(view, DEFINITION.systemKeyRoot);
  if (state === 0 && root === 0) return undefined;
  if (!file.hasSystemData) throw damaged('index of system keys', 'none', `state ${state}`);
  return { root: decodeRoot(root), state: decodeState(state) };
}

function decodeOwner(bytes: Uint8Array, view: DataView): OwnerData {
  return {
    mode: bounded('owner mode', view.getUint8(DEFINITION.ownerMode), OWNER_MODE_MAX),
    flags: u16(view, DEFINITION.ownerFlags),
    wrappedKey: bytes.slice(DEFINITION.wrappedKey, DEFINITION.size),
  };
}
