/**
 * Where things lie in a slot of a data page, and which page size a file needs for its slots and its
 * index entries.
 *
 *     use count │ variable part │ system key │ sequences of linked duplicates │ fixed part
 *
 * A data page has a header and a trailer and must hold a slot; a page of an index must hold four
 * entries, so that a split leaves two on either side.
 */
import { KeyCodec } from '../keys/key-codec.js';
import { isLinked, type KeyDefinition } from '../keys/key-definition.js';
import { DATA_PAGE, INDEX_PAGE, PAGE_SIZES, PAGE_TRAILER } from '../layout.js';
import { isVariable, truncatesBlanks, type FileDefinition } from './file-definition.js';

/** Offsets in bytes from the beginning of a slot; -1 for what the file does not have. */
export interface SlotLayout {
  readonly use: number;
  /** Page, index in the page's directory, and length of the variable part. */
  readonly variablePage: number;
  readonly variableIndex: number;
  readonly variableLength: number;
  /** Length of the variable part with the blanks that are not stored. */
  readonly logicalLength: number;
  readonly systemKey: number;
  /** One for each of the file's `pointerCount`. */
  readonly sequences: readonly number[];
  readonly record: number;
  readonly size: number;
  readonly slotsPerPage: number;
}

const USE_SIZE = 2;
const PAGE_NUMBER_SIZE = 4;
const INDEX_SIZE = 2;
const LENGTH_SIZE = 4;
const SYSTEM_KEY_SIZE = 8;
const SEQUENCE_SIZE = 8;
const ADDRESS_SIZE = 4;
const ENTRIES_LEAST = 4;

/** What a slot's layout depends on. */
type SlotForm = Pick<
  FileDefinition,
  'recordLength' | 'flags' | 'pointerCount' | 'hasSystemData' | 'storesWholeRecordAsVariable'
>;

/** The layout of the slots of a file, a key-only one included: its records lie in data pages, too. */
export function slotLayout(file: SlotForm & Pick<FileDefinition, 'pageSize'>): SlotLayout {
  let size = 0;
  const field = (width: number, exists = true): number => {
    const at = size;
    if (exists) size += width;
    return exists ? at : -1;
  };
  const isWhole = file.storesWholeRecordAsVariable;
  const hasPart = isWhole || isVariable(file);
  const use = field(USE_SIZE);
  const variablePage = field(PAGE_NUMBER_SIZE, hasPart);
  const variableIndex = field(INDEX_SIZE, hasPart);
  const variableLength = field(LENGTH_SIZE, hasPart);
  const logicalLength = field(LENGTH_SIZE, truncatesBlanks(file));
  const systemKey = field(SYSTEM_KEY_SIZE, file.hasSystemData);
  const sequences = Array.from({ length: file.pointerCount }, () => field(SEQUENCE_SIZE));
  const record = field(file.recordLength, !isWhole);
  const slotsPerPage = Math.floor(dataRoom(file.pageSize) / size);
  return {
    use,
    variablePage,
    variableIndex,
    variableLength,
    logicalLength,
    systemKey,
    sequences,
    record,
    size,
    slotsPerPage,
  };
}

function dataRoom(pageSize: number): number {
  return pageSize - DATA_PAGE.size - PAGE_TRAILER.size;
}

/** Bytes of an entry in an inner page of a key's index. */
function innerEntrySize(key: KeyDefinition, sequences: FileDefinition['sequences']): number {
  const sequence = isLinked(key) ? SEQUENCE_SIZE : 0;
  return 4 * KeyCodec.of(key, sequences).wordCount + sequence + ADDRESS_SIZE + PAGE_NUMBER_SIZE;
}

/** Whether pages of this size can hold the index of a key. */
export function indexFits(
  key: KeyDefinition,
  sequences: FileDefinition['sequences'],
  pageSize: number,
): boolean {
  const room = pageSize - INDEX_PAGE.size - PAGE_TRAILER.size;
  return ENTRIES_LEAST * innerEntrySize(key, sequences) <= room;
}

/** The least page size, from `pageSize` on, that holds a slot and the indexes; undefined: none. */
export function fittingPageSize(
  file: SlotForm & Pick<FileDefinition, 'keys' | 'sequences' | 'pageSize'>,
): number | undefined {
  return PAGE_SIZES.find(
    (size) =>
      size >= file.pageSize &&
      slotLayout({ ...file, pageSize: size }).slotsPerPage > 0 &&
      file.keys.every((key) => indexFits(key, file.sequences, size)),
  );
}
