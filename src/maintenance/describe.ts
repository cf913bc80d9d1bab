/**
 * Writing description files: the text from which CREATE makes such a file again.
 *
 * Invariant: reading the text gives the definition back, exactly. Documented elements say as much as
 * they can; what they cannot say is added in elements of our own (`description-language.ts`).
 */
import {
  FILE_FLAG,
  FILE_VERSION,
  freeSpaceThreshold,
  hasFlag,
  isCompressed,
  isKeyOnly,
  isVariable,
  unusedPointers,
  type FileDefinition,
} from '../microkernel/definition/file-definition.js';
import { encodeCollatingSequence, type CollatingSequence } from '../microkernel/keys/collation.js';
import {
  allowsDuplicates,
  KEY_FLAG,
  type KeyDefinition,
  type KeySegment,
} from '../microkernel/keys/key-definition.js';
import { keyType } from '../microkernel/keys/key-types.js';
import {
  FILE_RULES,
  flagsOf,
  NEVER_SYSTEM_DATA,
  SEGMENT_RULES,
  sequenceFlags,
  valueText,
  type ElementRule,
} from './description-language.js';

/** A collating sequence file that belongs to a description file. */
export interface AcsFile {
  /** As the description file names it: no directory, no blanks. */
  readonly name: string;
  /** 265 bytes. */
  readonly bytes: Uint8Array;
}

/** The description of a file, and the collating sequences that go with it. */
export interface DescribedFile {
  /** With CR/LF at the ends of lines. */
  readonly text: string;
  /** To be written beside the description file. */
  readonly acsFiles: readonly AcsFile[];
}

/**
 * The description file of a definition.
 *
 * A file that got system data by the engine's choice says so if the engine would now choose
 * otherwise; that, and pointers that dropped keys have left, are the only flags that may differ from
 * those of the definition.
 *
 * @example
 * ```ts
 * const { text } = describeFile(fileDefinition(client, 'orders.btr'));
 * console.log(text.includes('record=34')); // true
 * ```
 */
export function describeFile(definition: FileDefinition): DescribedFile {
  const names = sequenceNames(definition.sequences);
  const isListed = !fitsKeys(definition);
  const keyLines = definition.keys.flatMap((key) => [
    ...describeKey(key, definition, isListed),
    ...(isListed ? [] : describeOwnSequence(key, definition.sequences, names)),
  ]);
  const lines = [
    describeFileElements(definition),
    ...keyLines,
    ...(isListed
      ? definition.sequences.map((sequence, i) => referenceText(sequence, names[i]))
      : []),
  ];
  return {
    text: lines.map((line) => `${line}\r\n`).join(''),
    acsFiles: definition.sequences.flatMap((sequence, index) => {
      const name = names[index];
      return name === undefined ? [] : [{ name, bytes: encodeCollatingSequence(sequence) }];
    }),
  };
}

type Values = Map<string, number>;

/** The elements of a line, in their order. */
function lineOf(rules: readonly ElementRule[], values: Values): string {
  return rules
    .flatMap((rule) => {
      const value = values.get(rule.keyword);
      return value === undefined ? [] : [`${rule.keyword}=${valueText(rule, value)}`];
    })
    .join(' ');
}

/** Puts elements in that apply. */
function putIf(values: Values, rows: readonly (readonly [boolean, string, number])[]): void {
  for (const [applies, keyword, value] of rows) if (applies) values.set(keyword, value);
}

function describeFileElements(file: FileDefinition): string {
  const reserved = unusedPointers(file);
  const flags = wantedFlags(file);
  const has = (flag: number): boolean => (flags & flag) === flag;
  const threshold = freeSpaceThreshold(file);
  const systemData = flags & NEVER_SYSTEM_DATA;
  const values: Values = new Map([
    ['record', file.recordLength],
    ['variable', isVariable(file) ? 1 : 0],
    ['key', file.keys.length],
    ['page', file.requestedPageSize],
  ]);
  putIf(values, [
    [reserved > 0, 'dupkey', reserved],
    [has(FILE_FLAG.BLANK_TRUNCATION) && !isCompressed(file), 'truncate', 1],
    [isCompressed(file), 'compress', 1],
    [file.preallocatedPages > 0, 'allocation', file.preallocatedPages],
    [isKeyOnly(file), 'data', 0],
    [threshold !== USUAL_THRESHOLD && isVariable(file), 'fthreshold', threshold],
    [has(FILE_FLAG.VATS), 'vats', 1],
    [has(FILE_FLAG.BALANCED), 'balance', 1],
    [isNumbered(file), 'usekeynum', 1],
    [maySaySystemData(file, systemData), 'sysdataonrecord', systemData],
    [has(FILE_FLAG.PAGE_COMPRESSION), 'pagecompress', 1],
    [file.version !== FILE_VERSION.V9_5, 'fileversion', file.version],
  ]);
  putIf(values, [[flagsOf(FILE_RULES, (word) => values.get(word)) !== flags, 'fileflags', flags]]);
  return lineOf(FILE_RULES, values);
}

const USUAL_THRESHOLD = 5;

/** The flags of the file that is to come of it. */
function wantedFlags(file: FileDefinition): number {
  let { flags } = file;
  if (unusedPointers(file) > 0) flags |= FILE_FLAG.RESERVE_POINTERS;
  const isChosen = (flags & FILE_FLAG.SYSTEM_DATA) === 0;
  const choice =
    file.version >= FILE_VERSION.V7_0 && !isKeyOnly(file) && file.keys.every(allowsDuplicates);
  if (isChosen && choice !== file.hasSystemData)
    flags =
      (flags & ~NEVER_SYSTEM_DATA) |
      (file.hasSystemData ? FILE_FLAG.SYSTEM_DATA : NEVER_SYSTEM_DATA);
  return flags;
}

/** Whether the element may say it; it may not where the file cannot have, or must have, system data. */
function maySaySystemData(file: FileDefinition, value: number): boolean {
  if (value === NEVER_SYSTEM_DATA) return file.keys.length > 0;
  return value === FILE_FLAG.SYSTEM_DATA && !isKeyOnly(file);
}

/** Whether the keys have to say their numbers. */
function isNumbered(file: FileDefinition): boolean {
  return (
    hasFlag(file, FILE_FLAG.KEY_NUMBERS) || file.keys.some(({ number }, index) => number !== index)
  );
}

const NULL_FLAGS = KEY_FLAG.NULL_ALL | KEY_FLAG.NULL_ANY;

/** A line for each segment. */
function describeKey(key: KeyDefinition, file: FileDefinition, isListed: boolean): string[] {
  const { segments, number } = key;
  const hasNull = segments.some(
    ({ flags, nullValue }) => (flags & NULL_FLAGS) !== 0 || nullValue !== 0,
  );
  const repeats =
    allowsDuplicates(key) && segments.some(({ flags }) => (flags & KEY_FLAG.REPEATING) !== 0);
  return segments.map((segment, index) => {
    const values: Values = new Map();
    const { sequence } = segment;
    putIf(values, [[index === 0 && isNumbered(file), 'keynum', number]]);
    putSegment(values, segment);
    // Each segment says what the later ones would take from the first.
    putIf(values, [
      [repeats, 'repeatdup', yesIf(segment, KEY_FLAG.REPEATING)],
      [hasNull, 'nullkey', nullValueOf(segment)],
      [hasNull, 'value', segment.nullValue],
      [isListed && sequence !== undefined, 'sequence', sequence ?? 0],
    ]);
    const flags = segment.flags & ~KEY_FLAG.SEGMENTED;
    const said = flagsOf(SEGMENT_RULES, (word) => values.get(word)) | sequenceFlags(sequence);
    putIf(values, [
      [said !== flags, 'keyflags', flags],
      [true, 'segment', index < segments.length - 1 ? 1 : 0],
    ]);
    return lineOf(SEGMENT_RULES, values);
  });
}

function yesIf({ flags }: KeySegment, flag: number): number {
  return (flags & flag) === 0 ? 0 : 1;
}

/** The one element says one of the two; both are left to the flags. */
function nullValueOf({ flags }: KeySegment): number {
  const either = flags & NULL_FLAGS;
  return either === NULL_FLAGS ? KEY_FLAG.NULL_ANY : either;
}

function putSegment(values: Values, segment: KeySegment): void {
  const { offset, length, type } = segment;
  const isDescending = yesIf(segment, KEY_FLAG.DESCENDING) === 1;
  const isFolded =
    keyType(type)?.folds === true &&
    (segment.flags & (KEY_FLAG.ACS | KEY_FLAG.IGNORE_CASE)) === KEY_FLAG.IGNORE_CASE;
  putIf(values, [
    [true, 'position', offset + 1],
    [true, 'length', length],
    [true, 'duplicates', yesIf(segment, KEY_FLAG.DUPLICATES)],
    [true, 'modifiable', yesIf(segment, KEY_FLAG.MODIFIABLE)],
    [true, 'type', type],
    [isDescending, 'descending', 1],
    // Optional in later editions; earlier ones ask for it.
    [true, 'alternate', yesIf(segment, KEY_FLAG.ACS)],
    [isFolded, 'caseinsensitive', 1],
  ]);
}

/**
 * Whether the sequences can stand behind the keys that they are for: one for each key, each used,
 * and in the order in which keys use them.
 */
function fitsKeys({ keys, sequences }: FileDefinition): boolean {
  let count = 0;
  for (const { segments } of keys) {
    const used = new Set(segments.filter(isOrdered).map(({ sequence }) => sequence));
    const isStray = segments.some((one) => !isOrdered(one) && one.sequence !== undefined);
    const [sequence] = used;
    if (isStray || used.size > 1 || (sequence ?? 0) > count) return false;
    if (sequence === count) count++;
  }
  const locales = sequences.flatMap((sequence) =>
    sequence.kind === 'locale' ? [`${sequence.country} ${sequence.codePage}`] : [],
  );
  return count === sequences.length && new Set(locales).size === locales.length;
}

function isOrdered({ flags }: KeySegment): boolean {
  return (flags & KEY_FLAG.ACS) !== 0;
}

function describeOwnSequence(
  { segments }: KeyDefinition,
  sequences: readonly CollatingSequence[],
  names: readonly (string | undefined)[],
): string[] {
  const index = segments.find(isOrdered)?.sequence;
  const sequence = index === undefined ? undefined : sequences[index];
  return index === undefined || sequence === undefined
    ? []
    : [referenceText(sequence, names[index])];
}

const OF_THE_SYSTEM = 0xffff;

function referenceText(sequence: CollatingSequence, name: string | undefined): string {
  if (sequence.kind === 'user') return `name=${name ?? ''}`;
  const signed = (value: number): number => (value === OF_THE_SYSTEM ? -1 : value);
  return `countryid=${signed(sequence.country)} codepageid=${signed(sequence.codePage)}`;
}

/** A file name for each sequence that is in a file. Two of them differ in more than case. */
function sequenceNames(sequences: readonly CollatingSequence[]): readonly (string | undefined)[] {
  const taken = new Set<string>();
  return sequences.map((sequence) => {
    if (sequence.kind !== 'user') return undefined;
    const base = sequence.name.replace(/[^a-z0-9_-]/gi, '') || 'ACS';
    let name = `${base}.ALT`;
    for (let n = 2; taken.has(name.toUpperCase()); n++) name = `${base}-${n}.ALT`;
    taken.add(name.toUpperCase());
    return name;
  });
}
