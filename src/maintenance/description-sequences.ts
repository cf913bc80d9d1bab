/**
 * The collating sequences of a description file: which one orders which segment, and their bytes.
 *
 * A sequence stands behind the key that it is for, or at the end of the file for every key with
 * `alternate=y` that has none of its own. What stands behind the last key alone is both. Those of the
 * end are the file's first, in their order; those of keys follow in the order of the keys. A name that
 * comes again is the same sequence.
 *
 * Our own `sequence=` counts that list; a key that has it takes nothing that stands behind it.
 */
import {
  ACS_BLOCK_SIZE,
  decodeCollatingSequence,
  ISR_NAME_SIZE,
  isrNotFound,
  localeSequence,
  type CollatingSequence,
} from '../microkernel/keys/collation.js';
import { BtrieveError } from '../microkernel/status.js';
import { KEY_LIMIT } from '../microkernel/definition/file-definition.js';
import type {
  DescriptionGroups,
  ElementGroup,
  KeyGroup,
  SequenceReference,
} from './description-groups.js';
import { shown, type ProblemList } from './description-scanner.js';

/** Gives the bytes of a collating sequence file by the name that the description file has for it. */
export type ReadAcs = (name: string) => Uint8Array;

export interface SequencePlan {
  /** In the order in which the file has them. */
  readonly references: readonly SequenceReference[];
  /** By segment: which of them orders it. */
  readonly indexOf: ReadonlyMap<ElementGroup, number>;
}

/** Finds out which sequences there are and which segment is ordered by which. */
export function planSequences(
  { keys, references: ofNoKey }: Pick<DescriptionGroups, 'keys' | 'references'>,
  problems: ProblemList,
): SequencePlan {
  const { ofFile, ofLastKey, usual } = splitTail(
    keys.at(-1) ?? { segments: [], references: ofNoKey },
  );
  const references = [...ofFile];
  const known = new Map<string, number>();
  for (const [index, reference] of ofFile.entries())
    if (!known.has(identityOf(reference))) known.set(identityOf(reference), index);
  const numberOf = (reference: SequenceReference): number => {
    const found = known.get(identityOf(reference));
    if (found !== undefined) return found;
    known.set(identityOf(reference), references.length);
    return references.push(reference) - 1;
  };
  const indexOf = new Map<ElementGroup, number>();
  for (const [index, key] of keys.entries()) {
    const own = index === keys.length - 1 ? ofLastKey : key.references;
    checkOwn(key, own, problems);
    const reference = own[0] ?? usual;
    for (const segment of key.segments.filter(takesSequence))
      if (reference !== undefined) indexOf.set(segment, numberOf(reference));
      else reportMissing(segment, problems);
  }
  addNumbered(keys, references.length, indexOf, problems);
  if (references.length > KEY_LIMIT)
    problems.add(
      references[KEY_LIMIT] ?? { line: 1, column: 1 },
      'name',
      'there are too many collating sequences',
      `at most ${KEY_LIMIT}`,
      { found: `${references.length}` },
    );
  return { references, indexOf };
}

/** Whether a segment takes the sequence that stands behind its key. */
function takesSequence(segment: ElementGroup): boolean {
  return segment.isYes('alternate') && !segment.has('sequence');
}

/** What stands behind the last key: which of it is the file's, and which the key's own. */
function splitTail(last: KeyGroup): {
  ofFile: readonly SequenceReference[];
  ofLastKey: readonly SequenceReference[];
  /** For keys that have none of their own. */
  usual: SequenceReference | undefined;
} {
  const within = last.references.filter(({ segments }) => segments < last.segments.length);
  const tail = last.references.slice(within.length);
  const [first] = tail;
  const named = within[0] === undefined ? undefined : identityOf(within[0]);
  const isOwn =
    first !== undefined &&
    last.segments.some(takesSequence) &&
    (named === undefined || named === identityOf(first));
  const ofFile = isOwn ? tail.slice(1) : tail;
  return { ofFile, ofLastKey: isOwn ? [...within, first] : within, usual: ofFile[0] ?? first };
}

function identityOf(reference: SequenceReference): string {
  return reference.kind === 'locale'
    ? `locale ${reference.country} ${reference.codePage}`
    : `${reference.kind} ${reference.name}`;
}

function keywordOf({ kind }: SequenceReference): string {
  return kind === 'locale' ? 'countryid' : kind;
}

function checkOwn(
  { segments }: KeyGroup,
  [first, ...others]: readonly SequenceReference[],
  problems: ProblemList,
): void {
  if (first === undefined) return;
  if (!segments.some(takesSequence))
    problems.add(
      first,
      keywordOf(first),
      'no segment of the key in front is ordered by it',
      'alternate=y in a segment, or the collating sequence at the end of the file',
    );
  for (const other of others)
    if (identityOf(other) !== identityOf(first))
      problems.add(
        other,
        keywordOf(other),
        'a key has one collating sequence',
        'the one named before, or none',
      );
}

function reportMissing(segment: ElementGroup, problems: ProblemList): void {
  problems.add(
    segment.placeOf('alternate'),
    'alternate',
    'no collating sequence is named for the key',
    'name=, or countryid= and codepageid=, behind the key or at the end of the file',
  );
}

function addNumbered(
  keys: readonly KeyGroup[],
  count: number,
  indexOf: Map<ElementGroup, number>,
  problems: ProblemList,
): void {
  for (const segment of keys.flatMap(({ segments }) => segments)) {
    const index = segment.number('sequence');
    if (index === undefined) continue;
    if (index < count) indexOf.set(segment, index);
    else
      problems.add(
        segment.placeOf('sequence'),
        'sequence',
        'there is no collating sequence of this number',
        count === 0 ? 'a collating sequence at the end of the file' : `0 to ${count - 1}`,
        { found: `${index}` },
      );
  }
}

/** The sequences themselves; short of those that have something wrong with them. */
export function loadSequences(
  references: readonly SequenceReference[],
  readAcs: ReadAcs,
  problems: ProblemList,
): readonly CollatingSequence[] {
  const loaded: CollatingSequence[] = [];
  for (const reference of references) {
    const sequence = loadSequence(reference, readAcs, problems);
    if (sequence !== undefined) loaded.push(sequence);
    if (problems.isFull) break;
  }
  return loaded;
}

/** Of signed numbers, as a collating sequence keeps them. */
const WORD_MASK = 0xffff;

function loadSequence(
  reference: SequenceReference,
  readAcs: ReadAcs,
  problems: ProblemList,
): CollatingSequence | undefined {
  try {
    switch (reference.kind) {
      case 'locale':
        return localeSequence(reference.country & WORD_MASK, reference.codePage & WORD_MASK);
      case 'isr':
        throw isrNotFound(Buffer.from(reference.name.slice(0, ISR_NAME_SIZE), 'latin1'));
      case 'name':
        return readSequence(reference, reference.name, readAcs, problems);
    }
  } catch (error) {
    if (!(error instanceof BtrieveError)) throw error;
    problems.addError(reference, keywordOf(reference), error, EXPECTED[reference.kind]);
    return undefined;
  }
}

const EXPECTED = {
  locale: 'a country and a code page that are known here, or -1',
  isr: 'name=, or countryid= and codepageid=',
  name: `a file of ${ACS_BLOCK_SIZE} bytes: 172, a name of 8 bytes, 256 weights`,
} as const;

function readSequence(
  place: SequenceReference,
  name: string,
  readAcs: ReadAcs,
  problems: ProblemList,
): CollatingSequence | undefined {
  let bytes: Uint8Array;
  try {
    bytes = readAcs(name);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    problems.add(
      place,
      'name',
      'the collating sequence file cannot be read',
      'the path of a file that can be read',
      { found: `${shown(name)} (${why})` },
    );
    problems.cause ??= error;
    return undefined;
  }
  // A copy: what has been read is the caller's memory.
  return decodeCollatingSequence(Uint8Array.from(bytes));
}
