/** `butil -rebuild`: files of this engine of files of the original or of this one. */
import { resolve } from 'node:path';
import {
  isDirectory,
  rebuildDirectory,
  rebuildFile,
  type RebuildOptions,
  type RebuildResult,
  type RebuiltFile,
} from '../../src/index.js';
import { counted, grouped } from '../messages.js';
import { EXIT, ofSource, type Outcome } from '../outcome.js';
import type { Session } from '../session.js';

const PAGE_LEAST = 512;
const PAGE_MOST = 16384;
const DISK_FULL = 18;
const WRONG_OWNER = 51;
/** As people call them, and as Create knows them. */
const FORMATS: Readonly<Record<string, number>> = {
  '6.0': 0x60,
  '6.1': 0x61,
  '7.0': 0x70,
  '8.0': 0x80,
  '9.0': 0x90,
  '9.5': 0x95,
  '13.0': 0xd0,
};

export async function command(session: Session): Promise<Outcome> {
  const [source, output] = [session.operand(0), session.optional(1)];
  const { dryRun } = session;
  if (isDirectory(source)) return ofDirectory(session, source, output);
  const owner = await session.owner(0, source);
  const options = { owner, dryRun, ...formatOf(session) };
  const replace = session.isSet('yes');
  const place = output === undefined ? {} : { output: resolve(output) };
  const result = await session.work<RebuildResult>(
    output === undefined ? [source] : [source, output],
    'rebuildFile',
    { ...options, ...place, source: resolve(source), replace },
    'Rebuilding',
    (client) => rebuildFile(client, source, output, { ...options, replace }),
  );
  const isSame = result.keys.every(({ isSameOrder }) => isSameOrder);
  return ofSource(
    {
      exitCode: isSame ? EXIT.DONE : EXIT.FINDINGS,
      reason: isSame ? 'done' : 'key-order',
      result: { dryRun, ...result, source, output: output ?? source },
      text: describe(result, dryRun).join('\n'),
      warnings: result.notes,
    },
    result.isUnfinished,
  );
}

function formatOf(session: Session): Pick<RebuildOptions, 'pageSize' | 'version'> {
  const [pageSize, format] = [session.value('page-size'), session.value('format')];
  const version = format === undefined ? undefined : FORMATS[format];
  return {
    ...(version === undefined ? {} : { version }),
    ...(pageSize === undefined
      ? {}
      : { pageSize: session.number(pageSize, '--page-size', PAGE_LEAST, PAGE_MOST) }),
  };
}

function describe(result: RebuildResult, dryRun: boolean): string[] {
  const { records, pageSize, version, keys, sourceHash, keptAs } = result;
  const format = Object.keys(FORMATS).find((name) => FORMATS[name] === version) ?? '';
  const lines = [`Format ${format}, pages of ${pageSize} bytes.`];
  if (dryRun) {
    return [...lines, `Total number of records that would be rebuilt = ${records}`];
  }
  const other = keys.filter(({ isSameOrder }) => !isSameOrder);
  return [
    ...lines,
    `Compared: all records are the same, in the same order (${sourceHash.slice(0, 16)}…).`,
    ...(other.length < keys.length
      ? [`${counted(keys.length - other.length, 'key')} in the same order.`]
      : []),
    ...other.map(({ number }) => `Key ${number} is in another order than in the old file.`),
    ...(keptAs === undefined ? [] : [`The old file is ${keptAs} now.`]),
    `Total number of records rebuilt = ${records}`,
  ];
}

async function ofDirectory(
  session: Session,
  source: string,
  output: string | undefined,
): Promise<Outcome> {
  if (output === undefined) throw session.wrong('the directory for the new files is missing');
  if (session.isSet('yes'))
    throw session.wrong('--yes is for single files; there is a new directory for these');
  const owners = await session.owners('the files');
  const options = { owners, dryRun: session.dryRun, ...formatOf(session) };
  const files = await session.work<RebuiltFile[]>(
    [source],
    'rebuildDirectory',
    { ...options, source: resolve(source), output: resolve(output) },
    'Rebuilding',
    (client) => rebuildDirectory(client, source, output, options),
  );
  const count = (outcome: RebuiltFile['outcome']): number =>
    files.filter((file) => file.outcome === outcome).length;
  const failed = count('failed');
  const hasOrder = files.some((file) => file.outcome === 'rebuilt' && !isSameOrder(file.result));
  const hasUnfinished = files.some(
    (file) => file.outcome === 'rebuilt' && file.result.isUnfinished,
  );
  const isAll = failed === 0 && !hasOrder;
  const isNone = failed > 0 && count('rebuilt') + count('there') === 0;
  return ofSource(
    {
      exitCode: isAll ? EXIT.DONE : isNone ? EXIT.NOT_DONE : EXIT.FINDINGS,
      reason: isAll ? 'done' : failed > 0 ? 'failed-files' : 'key-order',
      result: { source, output, dryRun: session.dryRun, files },
      text: [
        ...files.flatMap((file) => [line(file), ...notesOf(file).map((note) => `  ${note}`)]),
        '',
        ...(files.some(isForWantOfRoom)
          ? ['The disk is full: make room, and the same command goes on with the rest.']
          : []),
        ...(files.some(isLocked)
          ? ['With the owner names (--owner-file) the same command goes on with the locked files.']
          : []),
        `${counted(count('rebuilt'), 'file')} ${session.dryRun ? 'would be ' : ''}rebuilt, ${count('there')} there already, ${failed} failed, ${count('other')} left out as no data files.`,
      ].join('\n'),
    },
    hasUnfinished,
  );
}

function isForWantOfRoom(file: RebuiltFile): boolean {
  return file.outcome === 'failed' && file.status === DISK_FULL;
}

function isLocked(file: RebuiltFile): boolean {
  return file.outcome === 'failed' && file.status === WRONG_OWNER;
}

/** What the user should know of a file. */
function notesOf(file: RebuiltFile): readonly string[] {
  return file.outcome === 'rebuilt' ? file.result.notes : [];
}

function isSameOrder({ keys }: RebuildResult): boolean {
  return keys.every((key) => key.isSameOrder);
}

function line(file: RebuiltFile): string {
  const { name, outcome } = file;
  switch (outcome) {
    case 'rebuilt': {
      const { records, format } = file.result;
      const from = format === undefined ? '' : ` from format ${format}`;
      const order = isSameOrder(file.result) ? '' : '; a key is in another order';
      return `${name}: ${grouped(records)} ${records === 1 ? 'record' : 'records'}${from}${order}`;
    }
    case 'there':
      return `${name}: there already`;
    case 'other':
      return `${name}: no data file`;
    case 'failed':
      return `${name}: FAILED, status ${file.status}: ${file.message}`;
  }
}
