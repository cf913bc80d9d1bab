/** Whether the keys of a file are those that a dictionary has of it. */
import {
  DICTIONARY_KEY_FLAG,
  type DictionaryKey,
  type DictionaryTable,
} from '../exchange/data-dictionary.js';
import {
  allowsDuplicates,
  KEY_FLAG,
  type KeyDefinition,
} from '../microkernel/keys/key-definition.js';

/** The segment that tells whether the next is null; dictionaries do not have it. */
const NULL_INDICATOR = 255;
const SHOWN = 10;

/**
 * What differs, as sentences that name file and key: segments by place and length, duplicates, descending order,
 * and whether letters compare by a sequence or without case. Types are not compared: an index may well
 * order a field as another type.
 */
export function keyMismatches(
  { name, keys }: DictionaryTable,
  path: string,
  actual: readonly KeyDefinition[],
): string[] {
  if (keys === undefined)
    return [`There are no indexes in the dictionary, so the keys of ${path} were not compared.`];
  const said = new Map(keys.map((key) => [key.number, describeSaid(key)]));
  const found = new Map(actual.map((key) => [key.number, describeActual(key)]));
  const numbers = [...new Set([...said.keys(), ...found.keys()])].sort((a, b) => a - b);
  const notes = numbers
    .filter((number) => said.get(number) !== found.get(number))
    .map((number) => {
      const [one, other] = [found.get(number) ?? 'not there', said.get(number) ?? 'not there'];
      return `Key ${number} of ${path} is ${one}; by the dictionary, table ${name}, it is ${other}.`;
    });
  const more = notes.length - SHOWN;
  return more > 0 ? [...notes.slice(0, SHOWN), `… and ${more} more keys differ.`] : notes;
}

interface Segment {
  readonly offset: number;
  readonly length: number;
  readonly isDescending: boolean;
  readonly isCollated: boolean;
}

function describe(segments: readonly Segment[], hasDuplicates: boolean): string {
  const places = segments.map(({ offset, length, isDescending, isCollated }) => {
    const order = isDescending ? ' descending' : '';
    return `bytes ${offset} to ${offset + length - 1}${order}${isCollated ? ' by a sequence or without case' : ''}`;
  });
  return `${places.join(', ')}${hasDuplicates ? ' with duplicates' : ''}`;
}

function describeSaid({ segments }: DictionaryKey): string {
  const { DUPLICATES, SEQUENCE, CASELESS, DESCENDING } = DICTIONARY_KEY_FLAG;
  const has = (flags: number, bits: number): boolean => (flags & bits) !== 0;
  return describe(
    segments.map(({ offset, length, flags }) => ({
      ...{ offset, length, isDescending: has(flags, DESCENDING) },
      isCollated: has(flags, SEQUENCE | CASELESS),
    })),
    has(segments[0]?.flags ?? 0, DUPLICATES),
  );
}

function describeActual(key: KeyDefinition): string {
  return describe(
    key.segments
      .filter(({ type }) => type !== NULL_INDICATOR)
      .map(({ offset, length, flags }) => ({
        ...{ offset, length, isDescending: (flags & KEY_FLAG.DESCENDING) !== 0 },
        isCollated: (flags & (KEY_FLAG.ACS | KEY_FLAG.IGNORE_CASE)) !== 0,
      })),
    allowsDuplicates(key),
  );
}
