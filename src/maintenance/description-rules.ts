/**
 * What the elements of a description file demand of each other: this one only with that one, this
 * many keys, the same in all segments of a key.
 *
 * The rules are those of the chapter on description files of the Advanced Operations Guide (Actian
 * Zen). Rules of the file format itself (lengths of types, page sizes, positions) are not repeated
 * here; `file-rules.ts` has them.
 */
import { keyType } from '../microkernel/keys/key-types.js';
import type { DescriptionGroups, ElementGroup, KeyGroup } from './description-groups.js';
import {
  elementRule,
  NEVER_SYSTEM_DATA,
  NULL_KEYWORDS,
  valueText,
  type DescriptionPurpose,
} from './description-language.js';
import type { ProblemList } from './description-scanner.js';

/** Two elements of the file that do not go together. */
interface Conflict {
  /** The element that is to be changed. */
  readonly keyword: string;
  readonly applies: (file: ElementGroup, groups: DescriptionGroups) => boolean;
  readonly message: string;
  readonly expected: string;
}

const isNo = (group: ElementGroup, keyword: string): boolean => group.number(keyword) === 0;
const THRESHOLD_USUAL = 5;

const CONFLICTS: readonly Conflict[] = [
  {
    keyword: 'truncate',
    applies: (file) => file.isYes('truncate') && file.isYes('compress'),
    message: 'blanks are not truncated in compressed records',
    expected: 'truncate=n, or compress=n',
  },
  {
    keyword: 'variable',
    applies: (file) => file.isYes('variable') && isNo(file, 'data'),
    message: 'a key-only file has records of fixed length',
    expected: 'variable=n, or data=y',
  },
  {
    keyword: 'compress',
    applies: (file) => file.isYes('compress') && isNo(file, 'data'),
    message: 'a key-only file has no compressed records',
    expected: 'compress=n, or data=y',
  },
  {
    keyword: 'data',
    applies: (file) => isNo(file, 'key') && isNo(file, 'data'),
    message: 'a file without keys is not key-only',
    expected: 'data=y, or a key',
  },
  {
    keyword: 'sysdataonrecord',
    applies: (file) => isNo(file, 'key') && isNever(file),
    message: 'a file without keys has system data',
    expected: 'sysdataonrecord=loggable, or a key',
  },
  {
    keyword: 'sysdataonrecord',
    applies: (file, { keys }) =>
      isNo(file, 'data') &&
      file.has('sysdataonrecord') &&
      !isNever(file) &&
      keys.some(({ segments }) => segments[0]?.isYes('duplicates') === true),
    message: 'a key-only file with duplicates has no system data',
    expected: 'sysdataonrecord=n, or data=y',
  },
  {
    keyword: 'fthreshold',
    applies: (file) => (file.number('fthreshold') ?? 5) !== THRESHOLD_USUAL && isFixed(file),
    message: 'a free space threshold is for variable records',
    expected: 'fthreshold=5, or variable=y',
  },
  {
    keyword: 'vats',
    applies: (file) => file.isYes('vats') && isFixed(file),
    message: 'tail allocation tables are for variable records',
    expected: 'vats=n, or variable=y',
  },
];

function isFixed(file: ElementGroup): boolean {
  return isNo(file, 'variable');
}

function isNever(file: ElementGroup): boolean {
  return file.number('sysdataonrecord') === NEVER_SYSTEM_DATA;
}

/** Finds what contradicts each other. Elements that are missing or wrong are left alone. */
export function checkDependencies(
  groups: DescriptionGroups,
  purpose: DescriptionPurpose,
  problems: ProblemList,
): void {
  for (const { keyword, applies, message, expected } of CONFLICTS)
    if (applies(groups.file, groups))
      problems.add(groups.file.placeOf(keyword), keyword, message, expected);
  for (const [index, key] of groups.keys.entries()) {
    if (problems.isFull) return;
    for (const segment of key.segments) checkSegment(segment, problems);
    checkAgreement(key, problems);
    checkKeyNumber(index, groups, purpose, problems);
  }
  checkNumbersDiffer(groups, problems);
  // A count is told only if it is not a consequence of something else.
  if (problems.isEmpty) checkKeyCount(groups, purpose, problems);
}

function checkSegment(segment: ElementGroup, problems: ProblemList): void {
  const report = (keyword: string, message: string, expected: string): void =>
    problems.add(segment.placeOf(keyword), keyword, message, expected);
  const nullElement = NULL_KEYWORDS.find((keyword) => (segment.number(keyword) ?? 0) !== 0);
  if (nullElement !== undefined && !segment.has('value'))
    report(nullElement, 'it is not said which value is null', 'value= behind it');
  if (segment.has('value') && !NULL_KEYWORDS.some((keyword) => segment.has(keyword)))
    report('value', 'it is not said when the key is null', 'nullkey= before it');
  if (segment.isYes('repeatdup') && isNo(segment, 'duplicates'))
    report('repeatdup', 'the key has no duplicates', 'repeatdup=n, or duplicates=y');
  checkText(segment, report);
}

function checkText(
  segment: ElementGroup,
  report: (keyword: string, message: string, expected: string) => void,
): void {
  const type = keyType(segment.number('type') ?? -1);
  const isAlternate = segment.isYes('alternate');
  if (isAlternate && type?.collates === false)
    report(
      'alternate',
      'this type is not ordered by a collating sequence',
      'alternate=n, or type=string, lstring or zstring',
    );
  if (!segment.isYes('caseinsensitive')) return;
  if (isAlternate)
    report(
      'caseinsensitive',
      'the collating sequence says what case is worth',
      'caseinsensitive=n, or alternate=n',
    );
  if (type?.folds === false)
    report('caseinsensitive', 'this type has no case', 'caseinsensitive=n, or a string type');
}

/** What holds for a whole key: all segments say the same. */
const AGREEING: readonly string[] = ['duplicates', 'modifiable', ...NULL_KEYWORDS];

function checkAgreement({ segments: [first, ...others] }: KeyGroup, problems: ProblemList): void {
  if (first === undefined) return;
  for (const segment of others) {
    for (const keyword of AGREEING) {
      const own = segment.number(keyword);
      const wanted = first.number(keyword) ?? 0;
      if (own === undefined || own === wanted) continue;
      const rule = elementRule(keyword);
      problems.add(
        segment.placeOf(keyword),
        keyword,
        'the segments of a key disagree',
        rule === undefined ? keyword : `${keyword}=${valueText(rule, wanted)}, as in its first`,
      );
    }
    if (segment.has('keynum'))
      problems.add(
        segment.placeOf('keynum'),
        'keynum',
        'a key has one number',
        'keynum= in its first segment only',
      );
  }
}

function checkKeyNumber(
  index: number,
  { file, keys }: DescriptionGroups,
  purpose: DescriptionPurpose,
  problems: ProblemList,
): void {
  const first = keys[index]?.segments[0];
  if (first === undefined || purpose !== 'create') return;
  const isGiven = first.has('keynum');
  if (isGiven !== file.isYes('usekeynum'))
    problems.add(
      first.placeOf('keynum'),
      'keynum',
      isGiven ? 'the file does not use key numbers' : 'the key has no number',
      isGiven ? 'usekeynum=y in front, or no keynum=' : 'keynum= and a number of its own',
    );
}

/** Two keys of one number are found once, at the second. */
function checkNumbersDiffer({ keys }: DescriptionGroups, problems: ProblemList): void {
  const seen = new Set<number>();
  for (const { segments } of keys) {
    const number = segments[0]?.number('keynum');
    if (number === undefined) continue;
    if (seen.has(number))
      problems.add(
        segments[0]?.placeOf('keynum') ?? { line: 1, column: 1 },
        'keynum',
        'another key has this number',
        'a number of its own',
        { found: `${number}` },
      );
    seen.add(number);
  }
}

function checkKeyCount(
  { file, keys, end }: DescriptionGroups,
  purpose: DescriptionPurpose,
  problems: ProblemList,
): void {
  if (purpose !== 'create') {
    const second = keys[1]?.segments[0];
    if (keys.length !== 1)
      problems.add(
        second?.place ?? end,
        'position',
        keys.length === 0 ? 'there is no key' : 'there is more than one key',
        'the segments of one key',
      );
    return;
  }
  const count = file.number('key') ?? 0;
  if (count !== keys.length)
    problems.add(
      file.placeOf('key'),
      'key',
      'the number of keys is not that of the keys that follow',
      `key=${keys.length}, or as many keys`,
      { found: `${count}` },
    );
}
