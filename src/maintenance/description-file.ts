/**
 * Reading description files: what CREATE, INDEX and SINDEX make a file or a key of.
 *
 *     text → elements → groups → what they demand of each other → keys and file → the engine's rules
 *
 * Every step collects what it finds wrong; a step that needs the ones before it to be right is left
 * out if they are not. So all mistakes of a kind are told at once, and none is told twice.
 *
 * The language is described in `docs/description-files.md`.
 */
import type { FileDefinition } from '../microkernel/definition/file-definition.js';
import {
  checkKeys,
  validateDefinition,
  type FileDescription,
  type SystemDataPolicy,
} from '../microkernel/definition/file-rules.js';
import type { CollatingSequence } from '../microkernel/keys/collation.js';
import {
  KEY_FLAG,
  type KeyDefinition,
  type KeySegment,
} from '../microkernel/keys/key-definition.js';
import { BtrieveError, Status } from '../microkernel/status.js';
import { DescriptionError } from './description-error.js';
import {
  groupElements,
  type DescriptionGroups,
  type ElementGroup,
  type KeyGroup,
} from './description-groups.js';
import {
  FILE_RULES,
  flagsOf,
  SEGMENT_RULES,
  sequenceFlags,
  type DescriptionPurpose,
} from './description-language.js';
import { checkDependencies } from './description-rules.js';
import { ProblemList, scanDescription } from './description-scanner.js';
import {
  loadSequences,
  planSequences,
  type ReadAcs,
  type SequencePlan,
} from './description-sequences.js';

export type { DescriptionPurpose, ReadAcs };

/** What the engine's settings say where a description file says nothing. */
export interface DescriptionDefaults {
  /** File version, see `FILE_VERSION`; 0 or nothing: 9.5. */
  readonly version?: number;
  readonly systemData?: SystemDataPolicy;
}

/** What a description file for CREATE says. */
export interface CreateDescription {
  readonly purpose: 'create';
  /** The file as described; it has been found legal. */
  readonly file: FileDescription;
  /** The file as it will be. */
  readonly definition: FileDefinition;
  /** `replace=`; undefined if it is not there. */
  readonly replace: boolean | undefined;
  /** Names of the collating sequence files that were read. */
  readonly acsFiles: readonly string[];
}

/** What a description file for INDEX or SINDEX says. */
export interface KeyDescription {
  readonly purpose: 'index' | 'sindex';
  /** Legal in some file; whether it is in this one, is not known here. Its number is 0. */
  readonly key: KeyDefinition;
  /** `keynum=`; undefined if it is not there. Only for SINDEX. */
  readonly keyNumber: number | undefined;
  /** What the segments' `sequence` counts; not those of any file. */
  readonly sequences: readonly CollatingSequence[];
  /** Names of the collating sequence files that were read. */
  readonly acsFiles: readonly string[];
}

/**
 * Reads a description file.
 *
 * Throws `DescriptionError` with everything that is wrong, and nothing else: what `readAcs` throws is
 * a problem of the element that names the file, with the error as the cause.
 *
 * @example
 * ```ts
 * const text = 'record=80 variable=n key=0 page=1024';
 * const { file } = parseDescription(text, 'create', () => new Uint8Array());
 * console.log(file.recordLength); // 80
 * ```
 */
export function parseDescription(
  text: string,
  purpose: 'create',
  readAcs: ReadAcs,
  defaults?: DescriptionDefaults,
): CreateDescription;
export function parseDescription(
  text: string,
  purpose: 'index' | 'sindex',
  readAcs: ReadAcs,
): KeyDescription;
export function parseDescription(
  text: string,
  purpose: DescriptionPurpose,
  readAcs: ReadAcs,
  defaults: DescriptionDefaults = {},
): CreateDescription | KeyDescription {
  const problems = new ProblemList();
  const elements = scanDescription(text, problems);
  if (elements === undefined) throwIfAny(problems);
  const groups = groupElements(elements ?? [], purpose, problems);
  checkDependencies(groups, purpose, problems);
  const plan = planSequences(groups, problems);
  throwIfAny(problems);
  const sequences = loadSequences(plan.references, readAcs, problems);
  throwIfAny(problems);
  const source: Source = { groups, plan, sequences, problems };
  return purpose === 'create' ? buildFile(source, defaults) : buildKey(source, purpose);
}

/** What has been found so far, and nothing wrong with it. */
interface Source {
  readonly groups: DescriptionGroups;
  readonly plan: SequencePlan;
  readonly sequences: readonly CollatingSequence[];
  readonly problems: ProblemList;
}

function throwIfAny(problems: ProblemList): void {
  const [first, ...others] = problems.sorted();
  if (first !== undefined) throw new DescriptionError([first, ...others], problems.cause);
}

function namesIn({ references }: SequencePlan): readonly string[] {
  return references.flatMap((reference) => (reference.kind === 'name' ? [reference.name] : []));
}

function buildFile(source: Source, defaults: DescriptionDefaults): CreateDescription {
  const { groups, plan, sequences, problems } = source;
  const elements = groups.file;
  const keys = groups.keys.map((key, index) => ({
    number: key.segments[0]?.number('keynum') ?? index,
    segments: segmentsOf(key, plan),
  }));
  const version = elements.number('fileversion') ?? defaults.version;
  const file: FileDescription = {
    recordLength: elements.number('record') ?? 0,
    pageSize: elements.number('page') ?? 0,
    flags: elements.number('fileflags') ?? flagsOf(FILE_RULES, (word) => elements.number(word)),
    keys,
    sequences,
    reservedPointers: elements.number('dupkey') ?? 0,
    preallocatedPages: elements.number('allocation') ?? 0,
    ...(version === undefined ? {} : { version }),
  };
  for (const [index, key] of keys.entries())
    checkBuiltKey(key, groups.keys[index], file.recordLength, source);
  throwIfAny(problems);
  const replace = elements.number('replace');
  return {
    purpose: 'create',
    file,
    definition: validated(file, defaults.systemData, groups, problems),
    replace: replace === undefined ? undefined : replace === 1,
    acsFiles: namesIn(plan),
  };
}

/** Longer than any record: how long those of the file are is not known here. */
const ANY_RECORD = 0x1_0000 + 0xff;

function buildKey(source: Source, purpose: 'index' | 'sindex'): KeyDescription {
  const { groups, plan, sequences, problems } = source;
  const [group] = groups.keys;
  const segments = group === undefined ? [] : segmentsOf(group, plan);
  const key: KeyDefinition = { number: 0, segments };
  checkBuiltKey(key, group, ANY_RECORD, source);
  throwIfAny(problems);
  const keyNumber = group?.segments[0]?.number('keynum');
  return { purpose, key, keyNumber, sequences, acsFiles: namesIn(plan) };
}

function segmentsOf({ segments }: KeyGroup, plan: SequencePlan): readonly KeySegment[] {
  return segments.map((segment) => {
    const sequence = plan.indexOf.get(segment);
    return {
      offset: (segment.number('position') ?? 0) - 1,
      length: segment.number('length') ?? 0,
      flags: segmentFlags(segment, sequence),
      type: segment.number('type') ?? 0,
      nullValue: segment.number('value') ?? 0,
      ...(sequence === undefined ? {} : { sequence }),
    };
  });
}

function segmentFlags(segment: ElementGroup, sequence: number | undefined): number {
  const linked = segment.isYes('segment') ? KEY_FLAG.SEGMENTED : 0;
  const given = segment.number('keyflags');
  if (given !== undefined) return (given & ~KEY_FLAG.SEGMENTED) | linked;
  const flags = flagsOf(SEGMENT_RULES, (word) => segment.number(word)) | linked;
  return flags | sequenceFlags(sequence);
}

/** The elements that the engine's refusals are about. */
const ELEMENT_OF: Readonly<Partial<Record<Status, string>>> = {
  [Status.PAGE_SIZE_ERROR]: 'page',
  [Status.NUMBER_OF_INDEXES]: 'key',
  [Status.INVALID_KEY_POSITION]: 'position',
  [Status.INVALID_RECORD_LENGTH]: 'record',
  [Status.INVALID_KEYLENGTH]: 'length',
  [Status.INCONSISTENT_KEY_FLAGS]: 'duplicates',
  [Status.INVALID_ALT_SEQUENCE_DEF]: 'alternate',
  [Status.KEY_TYPE_ERROR]: 'type',
  [Status.CANNOT_CREATE_WITH_VAT]: 'vats',
  [Status.INVALID_NULL_INDICATOR]: 'type',
};

/** Says what the engine has against a key, at the segment that it is about. */
function checkBuiltKey(
  key: KeyDefinition,
  group: KeyGroup | undefined,
  recordLength: number,
  { sequences, problems }: Source,
): void {
  const error = refusalOf(() => checkKeys([key], recordLength, sequences));
  if (error === undefined) return;
  // Whether a segment is the culprit shows when it is a key by itself.
  const culprit = key.segments.findIndex((segment) => {
    const alone = { number: key.number, segments: [segment] };
    return refusalOf(() => checkKeys([alone], recordLength, sequences))?.status === error.status;
  });
  const element = ELEMENT_OF[error.status] ?? 'position';
  const place = group?.segments[Math.max(0, culprit)]?.placeOf(element);
  problems.addError(place ?? START, element, error, 'what the key type allows');
}

const START = { line: 1, column: 1 };

function validated(
  file: FileDescription,
  policy: SystemDataPolicy | undefined,
  { file: elements, keys }: DescriptionGroups,
  problems: ProblemList,
): FileDefinition {
  try {
    return validateDefinition(file, policy);
  } catch (error) {
    if (!(error instanceof BtrieveError)) throw error;
    const element = elementOf(error);
    const group = keys.find((_, index) => file.keys?.[index]?.number === error.key)?.segments[0];
    const place = (group ?? elements).placeOf(element);
    problems.addError(place, element, error, 'what the file format allows');
    throwIfAny(problems);
    throw error;
  }
}

/** One status is about several elements. */
function elementOf({ status, reason }: BtrieveError): string {
  if (reason === 'key-only') return 'data';
  if (reason === 'file-version') return 'fileversion';
  return ELEMENT_OF[status] ?? 'record';
}

function refusalOf(action: () => unknown): BtrieveError | undefined {
  try {
    action();
  } catch (error) {
    if (error instanceof BtrieveError) return error;
    throw error;
  }
  return undefined;
}
