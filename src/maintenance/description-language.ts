/**
 * The elements of description files: keywords, order, values, what they are for, and the flags they
 * stand for. Reader and writer share this one table.
 *
 * Elements and ranges are those of the chapter on description files of the Advanced Operations Guide
 * (Actian Zen), and of the manuals for Btrieve 6 where these differ (`manual`, `null`). Where editions
 * disagree the wider range counts. Keywords of our own say what the others cannot, so that any file
 * can be described exactly: `fileversion`, `fileflags`, `keyflags`, `sequence`.
 */
import { FILE_FLAG, FILE_VERSION, KEY_LIMIT } from '../microkernel/definition/file-definition.js';
import { KEY_FLAG } from '../microkernel/keys/key-definition.js';
import { KEY_LENGTH_MAX, KEY_TYPE } from '../microkernel/keys/key-types.js';

/** The command that a description file is for. */
export type DescriptionPurpose = 'create' | 'index' | 'sindex';

/** What an element belongs to: the file, a segment of a key, or a collating sequence. */
export type ElementLevel = 'file' | 'segment' | 'sequence';

/** How a value is written. Every kind but `text` stands for a number. */
export type ValueKind =
  | { readonly kind: 'number'; readonly least: number; readonly most: number }
  /** `digits` is the most there may be. */
  | { readonly kind: 'hex'; readonly digits: number }
  | { readonly kind: 'word'; readonly words: ReadonlyMap<string, number>; readonly shown: string }
  | { readonly kind: 'text' };

export interface ElementRule {
  readonly keyword: string;
  readonly level: ElementLevel;
  /** Elements come by ascending rank; those of one rank in any order. */
  readonly rank: number;
  readonly value: ValueKind;
  readonly isRequired: boolean;
  readonly purposes: readonly DescriptionPurpose[];
  /** Flags of the file or segment that a value stands for. */
  readonly flags: (value: number) => number;
}

const ALL: readonly DescriptionPurpose[] = ['create', 'index', 'sindex'];
const YES_NO: ValueKind = {
  kind: 'word',
  words: new Map([
    ['n', 0],
    ['y', 1],
  ]),
  shown: 'y or n',
};
const WORD_MAX = 0xffff;
const RECORD_LENGTH_MIN = 4;
const PAGE_SIZE_MIN = 512;
const PAGE_SIZE_MAX = 16_384;
/** Country or code page: -1 is that of the system. */
const LOCALE_NUMBER: ValueKind = { kind: 'number', least: -1, most: WORD_MAX };

function number(least: number, most: number): ValueKind {
  return { kind: 'number', least, most };
}

function words(entries: readonly (readonly [string, number])[]): ValueKind {
  const shown = entries.map(([word]) => word).join(', ');
  return { kind: 'word', words: new Map(entries), shown };
}

/** Types by the words for them; the first three letters of a word mean the first that has them. */
const TYPE_WORDS: readonly (readonly [word: string, code: number])[] = [
  ['string', KEY_TYPE.STRING],
  ['integer', KEY_TYPE.INTEGER],
  ['float', KEY_TYPE.FLOAT],
  ['date', KEY_TYPE.DATE],
  ['time', KEY_TYPE.TIME],
  ['decimal', KEY_TYPE.DECIMAL],
  ['money', KEY_TYPE.MONEY],
  ['logical', KEY_TYPE.LOGICAL],
  ['numeric', KEY_TYPE.NUMERIC],
  ['bfloat', KEY_TYPE.BFLOAT],
  ['lstring', KEY_TYPE.LSTRING],
  ['zstring', KEY_TYPE.ZSTRING],
  ['unsigned', KEY_TYPE.UNSIGNED],
  ['autoincrement', KEY_TYPE.AUTOINCREMENT],
  ['numericsts', KEY_TYPE.NUMERICSTS],
  ['numericsa', KEY_TYPE.NUMERICSA],
  ['currency', KEY_TYPE.CURRENCY],
  ['timestamp', KEY_TYPE.TIMESTAMP],
  ['wstring', KEY_TYPE.WSTRING],
  ['wzstring', KEY_TYPE.WZSTRING],
  ['guid', KEY_TYPE.GUID],
  ['numericslb', KEY_TYPE.NUMERICSLB],
  ['numericsls', KEY_TYPE.NUMERICSLS],
  ['datetime', KEY_TYPE.DATETIME],
  ['numericstb', KEY_TYPE.NUMERICSTB],
  ['autotimestamp', KEY_TYPE.AUTOTIMESTAMP],
  ['timestamp2', KEY_TYPE.TIMESTAMP2],
  ['nullindicator', KEY_TYPE.NULL_INDICATOR],
];

/** Other words for types, as manuals and reports have them. */
const TYPE_SYNONYMS: readonly (readonly [word: string, code: number])[] = [
  ['autoinc', KEY_TYPE.AUTOINCREMENT],
  ['binary', KEY_TYPE.UNSIGNED],
  ['bin', KEY_TYPE.UNSIGNED],
  ['unsignedbinary', KEY_TYPE.UNSIGNED],
  ['null', KEY_TYPE.NULL_INDICATOR],
];

function typeValue(): ValueKind {
  const known = new Map<string, number>();
  for (const [word, code] of TYPE_WORDS) {
    known.set(word, code);
    const short = word.slice(0, 3);
    if (!known.has(short)) known.set(short, code);
  }
  for (const [word, code] of TYPE_SYNONYMS) known.set(word, code);
  const names = TYPE_WORDS.map(([word]) => word).join(', ');
  return { kind: 'word', words: known, shown: `a key type (${names})` };
}

const THRESHOLD_FLAGS: ReadonlyMap<number, number> = new Map([
  [10, FILE_FLAG.FREE_SPACE_10],
  [20, FILE_FLAG.FREE_SPACE_20],
  [30, FILE_FLAG.FREE_SPACE_10 | FILE_FLAG.FREE_SPACE_20],
]);
/** The value of `sysdataonrecord=n`. */
export const NEVER_SYSTEM_DATA = FILE_FLAG.SYSTEM_DATA | FILE_FLAG.NO_SYSTEM_DATA;
const THRESHOLDS = [5, 10, 20, 30].map((percent) => [`${percent}`, percent] as const);
/** `6.0` for 0x60 and so on. */
const VERSIONS = Object.values(FILE_VERSION).map(
  (version) => [`${version >> 4}.${version & 0xf}`, version] as const,
);
const NULL_RULES = [
  ['allsegs', KEY_FLAG.NULL_ALL],
  ['anyseg', KEY_FLAG.NULL_ANY],
  ['n', 0],
] as const;

const NO_FLAGS = (): number => 0;
function whenYes(flag: number): (value: number) => number {
  return (value) => (value === 0 ? 0 : flag);
}

type Form = 'required' | 'optional';

function fileRule(
  rank: number,
  keyword: string,
  form: Form,
  value: ValueKind,
  flags: (value: number) => number = NO_FLAGS,
): ElementRule {
  const isRequired = form === 'required';
  return { keyword, level: 'file', rank, value, isRequired, purposes: ['create'], flags };
}

function segmentRule(
  rank: number,
  keyword: string,
  form: Form,
  value: ValueKind,
  flags: (value: number) => number = NO_FLAGS,
  purposes: readonly DescriptionPurpose[] = ALL,
): ElementRule {
  const isRequired = form === 'required';
  return { keyword, level: 'segment', rank, value, isRequired, purposes, flags };
}

function sequenceRule(keyword: string, value: ValueKind): ElementRule {
  const rest = { isRequired: false, purposes: ALL, flags: NO_FLAGS };
  return { keyword, level: 'sequence', rank: 0, value, ...rest };
}

/** Of the whole file. The documents do not say the same about the order of those of the last rank. */
export const FILE_RULES: readonly ElementRule[] = [
  fileRule(1, 'record', 'required', number(RECORD_LENGTH_MIN, WORD_MAX)),
  fileRule(2, 'variable', 'required', YES_NO, whenYes(FILE_FLAG.VARIABLE)),
  fileRule(3, 'dupkey', 'optional', number(0, KEY_LIMIT), whenYes(FILE_FLAG.RESERVE_POINTERS)),
  fileRule(4, 'truncate', 'optional', YES_NO, whenYes(FILE_FLAG.BLANK_TRUNCATION)),
  fileRule(5, 'compress', 'optional', YES_NO, whenYes(FILE_FLAG.DATA_COMPRESSION)),
  fileRule(6, 'key', 'required', number(0, KEY_LIMIT)),
  fileRule(7, 'page', 'required', number(PAGE_SIZE_MIN, PAGE_SIZE_MAX)),
  fileRule(8, 'allocation', 'optional', number(1, WORD_MAX), () => FILE_FLAG.PREALLOCATE),
  fileRule(9, 'replace', 'optional', YES_NO),
  fileRule(10, 'data', 'optional', YES_NO, (value) => (value === 0 ? FILE_FLAG.KEY_ONLY : 0)),
  fileRule(
    11,
    'fthreshold',
    'optional',
    words(THRESHOLDS),
    (value) => THRESHOLD_FLAGS.get(value) ?? 0,
  ),
  fileRule(12, 'vats', 'optional', YES_NO, whenYes(FILE_FLAG.VATS)),
  fileRule(13, 'balance', 'optional', YES_NO, whenYes(FILE_FLAG.BALANCED)),
  fileRule(14, 'usekeynum', 'optional', YES_NO, whenYes(FILE_FLAG.KEY_NUMBERS)),
  fileRule(
    14,
    'sysdataonrecord',
    'optional',
    words([
      ['n', NEVER_SYSTEM_DATA],
      ['loggable', FILE_FLAG.SYSTEM_DATA],
    ]),
    (value) => value,
  ),
  fileRule(14, 'pagecompress', 'optional', YES_NO, whenYes(FILE_FLAG.PAGE_COMPRESSION)),
  fileRule(14, 'fileversion', 'optional', words(VERSIONS)),
  fileRule(14, 'fileflags', 'optional', { kind: 'hex', digits: 4 }),
];

/** Of each segment. `position` begins one, or `keynum` before it. */
export const SEGMENT_RULES: readonly ElementRule[] = [
  segmentRule(0, 'keynum', 'optional', number(0, KEY_LIMIT - 1), NO_FLAGS, ['create', 'sindex']),
  segmentRule(1, 'position', 'required', number(1, WORD_MAX)),
  segmentRule(2, 'length', 'required', number(1, KEY_LENGTH_MAX)),
  segmentRule(3, 'duplicates', 'required', YES_NO, whenYes(KEY_FLAG.DUPLICATES)),
  segmentRule(4, 'modifiable', 'required', YES_NO, whenYes(KEY_FLAG.MODIFIABLE)),
  segmentRule(5, 'type', 'required', typeValue(), () => KEY_FLAG.EXTENDED_TYPE),
  segmentRule(6, 'descending', 'optional', YES_NO, whenYes(KEY_FLAG.DESCENDING)),
  segmentRule(7, 'alternate', 'optional', YES_NO, whenYes(KEY_FLAG.ACS)),
  segmentRule(8, 'caseinsensitive', 'optional', YES_NO, whenYes(KEY_FLAG.IGNORE_CASE)),
  segmentRule(9, 'repeatdup', 'optional', YES_NO, whenYes(KEY_FLAG.REPEATING), [
    'create',
    'sindex',
  ]),
  segmentRule(10, 'nullkey', 'optional', words(NULL_RULES), (value) => value),
  segmentRule(10, 'manual', 'optional', YES_NO, whenYes(KEY_FLAG.NULL_ANY)),
  segmentRule(10, 'null', 'optional', YES_NO, whenYes(KEY_FLAG.NULL_ALL)),
  segmentRule(11, 'value', 'optional', { kind: 'hex', digits: 2 }),
  segmentRule(12, 'keyflags', 'optional', { kind: 'hex', digits: 4 }),
  segmentRule(12, 'sequence', 'optional', number(0, KEY_LIMIT - 1)),
  segmentRule(13, 'segment', 'required', YES_NO),
];

/** Elements that say when a key is null; one of them is enough. */
export const NULL_KEYWORDS = ['nullkey', 'manual', 'null'] as const;

/** Behind the key they are for, or at the end of the file. */
export const SEQUENCE_RULES: readonly ElementRule[] = [
  sequenceRule('name', { kind: 'text' }),
  sequenceRule('countryid', LOCALE_NUMBER),
  sequenceRule('codepageid', LOCALE_NUMBER),
  sequenceRule('isr', { kind: 'text' }),
];

const ALL_RULES = [...FILE_RULES, ...SEGMENT_RULES, ...SEQUENCE_RULES];
const BY_KEYWORD: ReadonlyMap<string, ElementRule> = new Map(
  ALL_RULES.map((rule) => [rule.keyword, rule]),
);
/** Other spellings, of other editions. */
const SYNONYMS: ReadonlyMap<string, string> = new Map([
  ['huge', 'vats'],
  ['nullseg', 'nullkey'],
]);

/** The rule for a keyword in any case. */
export function elementRule(keyword: string): ElementRule | undefined {
  const lower = keyword.toLowerCase();
  return BY_KEYWORD.get(SYNONYMS.get(lower) ?? lower);
}

/** The flags that elements stand for, unless one of them says the flags themselves. */
export function flagsOf(
  rules: readonly ElementRule[],
  valueOf: (keyword: string) => number | undefined,
): number {
  let flags = 0;
  for (const { keyword, flags: flagsOfValue } of rules) {
    const value = valueOf(keyword);
    if (value !== undefined) flags |= flagsOfValue(value);
  }
  return flags;
}

/** How a segment says by its flags which sequence orders it: the first one needs no number. */
export function sequenceFlags(sequence: number | undefined): number {
  return (sequence ?? 0) === 0 ? 0 : KEY_FLAG.NUMBERED_ACS;
}

/** What a value must be, for people. */
export function expectedValue({ value }: ElementRule): string {
  switch (value.kind) {
    case 'number':
      return `a number from ${value.least} to ${value.most}`;
    case 'hex':
      return `1 to ${value.digits} hexadecimal digits`;
    case 'word':
      return value.shown;
    case 'text':
      return 'a name without blanks';
  }
}

/** The number that the text of a value stands for; undefined if it is none. */
export function parseValue({ value }: ElementRule, text: string): number | undefined {
  switch (value.kind) {
    case 'number': {
      if (!/^-?\d{1,9}$/.test(text)) return undefined;
      const parsed = Number(text);
      return parsed < value.least || parsed > value.most ? undefined : parsed;
    }
    case 'hex':
      return /^[0-9a-f]+$/i.test(text) && text.length <= value.digits
        ? Number.parseInt(text, 16)
        : undefined;
    case 'word':
      return value.words.get(text.toLowerCase());
    case 'text':
      return undefined;
  }
}

/** The text of a value, as `parseValue` reads it. */
export function valueText({ value }: ElementRule, parsed: number): string {
  if (value.kind === 'hex') return parsed.toString(16).padStart(value.digits, '0');
  if (value.kind !== 'word') return `${parsed}`;
  // The full word comes before its abbreviation.
  for (const [word, meaning] of value.words) if (meaning === parsed) return word;
  return `${parsed}`;
}
