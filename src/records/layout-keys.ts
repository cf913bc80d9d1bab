/**
 * From keys declared by the names of fields to their definitions for the engine, and to what is needed
 * to write and read their values.
 *
 * Invariants:
 * - A nullable field is two segments, the indicator and the value; all other fields are one.
 * - Flags that hold for a key are in all its segments.
 */
import type { CollatingSequence } from '../microkernel/keys/collation.js';
import {
  KEY_FLAG,
  type KeyDefinition,
  type KeySegment,
} from '../microkernel/keys/key-definition.js';
import { KEY_TYPE, keyType } from '../microkernel/keys/key-types.js';
import { checkName, declarationError } from './field-codec.js';
import type { Key, KeyOptions, Segment } from './key-declarations.js';
import type { FixedPlace } from './layout-places.js';

/** A field in a key. */
export interface KeyPart {
  readonly place: FixedPlace;
  /** Where it begins in a key buffer. */
  readonly inKey: number;
  readonly isDescending: boolean;
  /** Of its collating sequence. */
  readonly weights: Uint8Array | undefined;
}

export interface CompiledKey {
  readonly name: string;
  readonly definition: KeyDefinition;
  readonly parts: readonly KeyPart[];
  /** The key value that is being encoded. */
  readonly draft: Uint8Array;
}

interface CompiledKeys {
  readonly keys: ReadonlyMap<string, CompiledKey>;
  /** In the order of first use. */
  readonly sequences: readonly CollatingSequence[];
}

const BLANK = 0x20;

export function compileKeys(
  places: readonly FixedPlace[],
  declared: Readonly<Record<string, Key<readonly string[]>>>,
): CompiledKeys {
  const sequences: CollatingSequence[] = [];
  const keys = new Map<string, CompiledKey>();
  for (const [name, declaration] of Object.entries(declared)) {
    checkName(name);
    const number = declaration.options.number ?? keys.size;
    keys.set(name, compileKey(name, number, declaration, places, sequences));
  }
  checkNumbers(keys);
  return { keys, sequences };
}

function checkNumbers(keys: ReadonlyMap<string, CompiledKey>): void {
  const names = new Map<number, string>();
  for (const [name, { definition }] of keys) {
    const other = names.get(definition.number);
    if (other !== undefined)
      throw declarationError(
        `keys ${other} and ${name} have one number`,
        'another number',
        definition.number,
      );
    names.set(definition.number, name);
  }
}

function compileKey(
  name: string,
  number: number,
  { segments, options }: Key<readonly string[]>,
  places: readonly FixedPlace[],
  sequences: CollatingSequence[],
): CompiledKey {
  const parts: KeyPart[] = [];
  const defined: KeySegment[] = [];
  let inKey = 0;
  for (const segment of segments) {
    const place = places.find((field) => field.name === segment.field);
    if (place === undefined)
      throw declarationError(
        `key ${name} is of a field that the fixed part does not have`,
        places.map((field) => field.name).join(', '),
        segment.field,
      );
    const collation = segment.collation ?? options.collation;
    const { isDescending } = segment;
    defined.push(...segmentsOf(name, place, segment, options, sequences));
    parts.push({ place, inKey, isDescending, weights: collation?.weights });
    inKey += place.length;
  }
  if (options.ignoreCase === true || options.collation !== undefined) checkText(name, parts);
  const last = defined.length - 1;
  const linked = defined.map((segment, index) =>
    index < last ? { ...segment, flags: segment.flags | KEY_FLAG.SEGMENTED } : segment,
  );
  const definition = { number, segments: linked };
  return { name, definition, parts, draft: new Uint8Array(inKey) };
}

/** Flags that hold for all segments. */
function keyFlags({ duplicates, modifiable, omitNulls }: KeyOptions): number {
  let flags = KEY_FLAG.EXTENDED_TYPE;
  if (duplicates !== undefined && duplicates !== false) flags |= KEY_FLAG.DUPLICATES;
  if (duplicates === 'repeating') flags |= KEY_FLAG.REPEATING;
  if (modifiable === true) flags |= KEY_FLAG.MODIFIABLE;
  if (omitNulls === 'all') flags |= KEY_FLAG.NULL_ALL;
  if (omitNulls === 'any') flags |= KEY_FLAG.NULL_ANY;
  return flags;
}

function segmentsOf(
  name: string,
  place: FixedPlace,
  segment: Segment<string>,
  options: KeyOptions,
  sequences: CollatingSequence[],
): KeySegment[] {
  const { offset, length, type } = place;
  const flags = keyFlags(options) | (segment.isDescending ? KEY_FLAG.DESCENDING : 0);
  const text = textOrder(name, place, segment, options, sequences);
  const nullValue = options.nullValue ?? (type === KEY_TYPE.STRING ? BLANK : 0);
  if (!(Number.isInteger(nullValue) && nullValue >= 0 && nullValue <= 255))
    throw declarationError(`key ${name}: the null value is no byte`, '0 to 255', nullValue);
  const common = { type, nullValue, ...text, flags: flags | text.flags };
  if (!place.isNullable) return [{ offset, length, ...common }];
  return [
    { offset, length: 1, flags, type: KEY_TYPE.NULL_INDICATOR, nullValue: 0 },
    { offset: offset + 1, length: length - 1, ...common },
  ];
}

/** The flags and the sequence by which text is ordered. */
function textOrder(
  name: string,
  place: FixedPlace,
  segment: Segment<string>,
  options: KeyOptions,
  sequences: CollatingSequence[],
): Pick<KeySegment, 'flags' | 'sequence'> {
  const type = keyType(place.type);
  const collates = type?.collates === true;
  const folds = type?.folds === true;
  if ((segment.collation !== undefined && !collates) || (segment.ignoreCase === true && !folds))
    throw noText(name, place);
  const collation = segment.collation ?? options.collation;
  if (collation !== undefined && collates) return collatedBy(collation, sequences);
  const ignoresCase = (segment.ignoreCase ?? options.ignoreCase) === true && folds;
  return { flags: ignoresCase ? KEY_FLAG.IGNORE_CASE : 0 };
}

function collatedBy(
  collation: CollatingSequence,
  sequences: CollatingSequence[],
): Pick<KeySegment, 'flags' | 'sequence'> {
  let sequence = sequences.indexOf(collation);
  if (sequence < 0) sequence = sequences.push(collation) - 1;
  return { flags: KEY_FLAG.ACS | (sequence === 0 ? 0 : KEY_FLAG.NUMBERED_ACS), sequence };
}

/** What is said about the text of a key must be about some field of it. */
function checkText(name: string, parts: readonly KeyPart[]): void {
  const [first] = parts;
  const isOfText = parts.some(({ place }) => keyType(place.type)?.folds === true);
  if (first !== undefined && !isOfText) throw noText(name, first.place);
}

function noText(name: string, place: FixedPlace): Error {
  return declarationError(
    `key ${name}: field ${place.name} is not text that is ordered like this`,
    'a field of text',
    place.kind,
  );
}
