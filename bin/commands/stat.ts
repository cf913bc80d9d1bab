/** `butil -stat`: the report on a file, in the layout that programs in the field look for. */
import { resolve } from 'node:path';
import { fileStatistics, type FileStatistics, type KeyStatistics } from '../../src/index.js';
import { done, type Outcome } from '../outcome.js';
import type { Session } from '../session.js';

export async function command(session: Session): Promise<Outcome> {
  const file = session.operand(0);
  const owner = await session.owner(0, file);
  const running = await session.running(file);
  const statistics =
    running === undefined
      ? fileStatistics(await session.client(), file, owner)
      : ((await running.administer('fileStatistics', {
          ...{ file: resolve(file), owner },
        })) as FileStatistics);
  const warnings = statistics.original?.warnings.map(({ message }) => `${message}.`) ?? [];
  const text = statReport(file, withoutUnfinished(statistics));
  return done(text, { file, ...statistics }, [...warnings, ...unfinished(statistics)]);
}

/** A key whose index is half made or half dropped is none: nobody can read by it, and it goes by itself. */
function withoutUnfinished(statistics: FileStatistics): FileStatistics {
  return { ...statistics, keys: statistics.keys.filter(({ isInUse }) => isInUse) };
}

function unfinished({ keys }: FileStatistics): string[] {
  return keys
    .filter(({ isInUse }) => !isInUse)
    .map(
      ({ number }) =>
        `Making or dropping the index of key ${number} was interrupted: what is left of it goes when the file is next opened for writing.`,
    );
}

const STARS = '*'.repeat(50);

/** The report, without a line break at its end. */
export function statReport(name: string, statistics: FileStatistics): string {
  return [
    STARS,
    `File Statistics for ${name}`,
    '',
    ...group(fileLines(statistics)),
    '',
    ...group(recordLines(statistics)),
    '',
    ...group(keyLines(statistics)),
    '',
    ...(statistics.keys.length === 0 ? [] : [...keyTable(statistics.keys), '']),
    ...sequenceList(statistics.sequences),
    ...LEGEND,
    STARS,
  ].join('\n');
}

type Line = readonly [label: string, value: string | number | boolean];

function group(lines: readonly Line[]): string[] {
  return lines.map(([label, value]) => {
    const text = typeof value === 'boolean' ? (value ? 'Yes' : 'No') : String(value);
    return `${label} = ${text}`;
  });
}

/** Lines that stand there only where they have something to say. */
function where(applies: boolean, ...lines: readonly Line[]): readonly Line[] {
  return applies ? lines : [];
}

function fileLines(file: FileStatistics): Line[] {
  return [
    ['File Version', file.fileVersion],
    ['Page Size', file.pageSize],
    ['Page Preallocation', file.preallocatedPages > 0],
    ...where(file.preallocatedPages > 0, ['Unused Pages', file.unusedPreallocatedPages]),
    ...where(file.marksPagesCompressed, ['Page Compression', true]),
    ['Key Only', file.isKeyOnly],
    ['Extended', (file.original?.pieces ?? 1) > 1],
    ...where(file.hasOwner, ['Owner Name', true], ['Encrypted', file.isEncrypted]),
    ...continuousLines(file),
  ];
}

function continuousLines({ continuous }: FileStatistics): readonly Line[] {
  if (continuous === undefined) return [];
  const { since, by, deltaBytes, grownPages } = continuous;
  return [
    ['Continuous Operation', `since ${since}, by ${by}`],
    ['Delta File Size', deltaBytes],
    ['Pages Grown Since', grownPages],
  ];
}

function recordLines(file: FileStatistics): Line[] {
  const { freeSpaceThreshold = 0 } = file;
  return [
    ['Total Number of Records', file.records],
    ['Record Length', file.recordLength],
    ['Record Compression', file.compressesRecords],
    ['Variable Records', file.hasVariableRecords],
    ...where(file.truncatesBlanks, ['Blank Truncation', true]),
    ...where(file.hasVariableRecords, ['Free Space Threshold', `${freeSpaceThreshold}%`]),
    ...where(file.hasTailTables, ['Variable-Tail Allocation Tables', true]),
  ];
}

function keyLines(file: FileStatistics): Line[] {
  const segments = file.keys.reduce((sum, key) => sum + key.segments.length, 0);
  return [
    ['Available Linked Duplicate Keys', file.linkedDuplicateKeysAvailable],
    ['Balanced Key', file.isBalanced],
    [
      'Log Key',
      file.logKey === undefined
        ? 'None'
        : file.hasSystemKey && file.logKey > 118
          ? 'SYSKEY'
          : file.logKey,
    ],
    ['System Data', file.hasSystemData],
    ['Total Number of Keys', file.keys.length],
    ['Total Number of Segments', segments],
  ];
}

// Headings are staggered over two lines, above the columns of `row`.
const HEADINGS = [
  'Key          Position             Type              Null Values*            ACS',
  '    Segment            Length                   Flags       Unique Values',
];

function row(cells: {
  key: number;
  segment: number;
  position: number;
  length: number;
  type: string;
  flags: string;
  nullValue: string;
  distinct: string;
  sequence: string;
}): string {
  return [
    String(cells.key).padStart(3),
    String(cells.segment).padStart(6),
    String(cells.position).padStart(10),
    String(cells.length).padStart(10),
    `     ${cells.type.padEnd(14)}`,
    cells.flags.padEnd(8),
    cells.nullValue.padStart(4),
    cells.distinct.padStart(15),
    cells.sequence.padStart(7),
  ].join('');
}

function keyTable(keys: readonly KeyStatistics[]): string[] {
  const rows = keys.flatMap((key) =>
    key.segments.map((segment, index) =>
      row({
        key: key.number,
        segment: index + 1,
        position: segment.position,
        length: segment.length,
        type: segment.type,
        flags: flagsOf(key, segment),
        nullValue: hexByte(segment.nullValue),
        distinct: String(key.distinctValues),
        sequence: segment.sequence === undefined ? '--' : String(segment.sequence),
      }),
    ),
  );
  return [...HEADINGS, ...rows];
}

function hexByte(value: number | undefined): string {
  return value === undefined ? '--' : value.toString(16).toUpperCase().padStart(2, '0');
}

function flagsOf(key: KeyStatistics, segment: KeyStatistics['segments'][number]): string {
  const flags: readonly (readonly [applies: boolean, letter: string])[] = [
    [segment.isDescending, '<'],
    [key.allowsDuplicates, 'D'],
    [segment.ignoresCase, 'I'],
    [key.isModifiable, 'M'],
    [key.repeatsDuplicates, 'R'],
    [key.nullRule === 'any', 'A'],
    [key.nullRule === 'all', 'L'],
  ];
  return flags.map(([applies, letter]) => (applies ? letter : '')).join('');
}

function sequenceList(sequences: readonly string[]): string[] {
  if (sequences.length === 0) return [];
  const rows = sequences.map((name, index) => `${String(index).padStart(3)}   ${name}`);
  return ['Alternate Collating Sequence (ACS) List:', ...rows, ''];
}

const LEGEND = [
  'Legend:',
  '< = Descending Order',
  'D = Duplicates Allowed',
  'I = Case Insensitive',
  'M = Modifiable',
  'R = Repeat Duplicate',
  'A = Any Segment (Manual)',
  'L = All Segments (Null)',
  '* = The values in this column are hexadecimal.',
  '?? = Unknown',
  '-- = Not Specified',
];
