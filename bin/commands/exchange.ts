/** `butil -export` and `-import`: records as CSV or JSON Lines, by the names of their fields. */
import { resolve } from 'node:path';
import {
  BtrieveError,
  exportRecords,
  importRecords,
  type ExportResult,
  type LayoutSource,
  type RowFormat,
} from '../../src/index.js';
import { counted } from '../messages.js';
import { EXIT, ofSource, type Outcome } from '../outcome.js';
import type { Session } from '../session.js';
import { readText } from '../text-files.js';
import { insertion, partly } from './partly.js';
import { describeRefused } from './refusals.js';

const KEY_NUMBER_MAX = 125;

/** The format that is given, else the one that the name of the text file speaks of. */
function formatOf(given: string | undefined, path: string): RowFormat {
  if (given !== undefined) return given === 'jsonl' ? 'jsonl' : 'csv';
  return /\.(?:jsonl|ndjson)$/i.test(path) ? 'jsonl' : 'csv';
}

export async function exportCommand(session: Session): Promise<Outcome> {
  const [source, output] = [session.operand(0), session.operand(1)];
  const format = formatOf(session.value('to'), output);
  const key = session.value('key');
  const order = key === undefined ? {} : { order: session.number(key, '--key', 0, KEY_NUMBER_MAX) };
  const owner = await session.owner(0, source);
  const layout = await layoutOf(session);
  const { dryRun } = session;
  const options = { ...layout, ...order, format, owner, dryRun };
  const exact = session.isSet('exact');
  const overDataFile = session.isSet('yes');
  await session.confirmOutput(output);
  const given = { ...options, exact, overDataFile };
  const args = { ...elsewhere(given), source: resolve(source), output: resolve(output) };
  const result = await inLayout(session, () =>
    session.work([source], 'exportRecords', args, 'Exporting', (client) =>
      exportRecords(client, source, output, given),
    ),
  );
  const would = dryRun ? ' that would be' : '';
  return ofSource(
    {
      exitCode: result.leftOut === 0 ? EXIT.DONE : EXIT.FINDINGS,
      reason: result.leftOut === 0 ? 'done' : 'left-out',
      result: { source, output, dryRun, format, ...result },
      text: `Total number of records${would} exported = ${result.exported}`,
      warnings: [...result.notes, ...leftOut(result, key), ...(exact ? [] : losses(result))],
    },
    result.isUnfinished,
  );
}

function leftOut({ leftOut: count }: ExportResult, key = ''): string[] {
  if (count === 0) return [];
  const verb = count === 1 ? 'is' : 'are';
  return [
    `${counted(count, 'record')} ${verb} not in the index of key ${key} and not exported; without --key all are.`,
  ];
}

function losses({ inexact, uncovered }: ExportResult): string[] {
  return [
    ...(inexact === 0
      ? []
      : [
          `An import would not give back ${counted(inexact, 'value')} byte for byte (fillers behind text, for instance); --exact does.`,
        ]),
    ...(uncovered === 0
      ? []
      : [
          `${counted(uncovered, 'record')} ${uncovered === 1 ? 'has' : 'have'} something in bytes that no field has; --exact exports them.`,
        ]),
  ];
}

export async function importCommand(session: Session): Promise<Outcome> {
  const [input, output] = [session.operand(0), session.operand(1)];
  const format = formatOf(session.value('from'), input);
  const owner = await session.owner(0, output);
  const layout = await layoutOf(session);
  const { dryRun } = session;
  const tally = { read: 0, inserted: 0 };
  return partly(session, tally, async () => {
    const given = { ...layout, format, owner, dryRun };
    const args = { ...elsewhere(given), input: resolve(input), output: resolve(output) };
    const named = { name: 'importRecords', args, label: 'Importing' };
    const { read, inserted, refused, unused, notes } = await inLayout(session, () =>
      insertion(session, tally, [output], named, (client) =>
        importRecords(client, input, output, { ...given, tally }),
      ),
    );
    const would = dryRun ? ' that would be' : '';
    return {
      exitCode: refused.count === 0 ? EXIT.DONE : EXIT.FINDINGS,
      reason: refused.count === 0 ? 'done' : 'refused-records',
      result: { input, output, dryRun, format, read, inserted, refused, unused },
      text: [
        ...describeRefused(refused, output),
        `Total number of records${would} inserted = ${inserted}`,
      ].join('\n'),
      warnings: [
        ...notes,
        ...unused.map((name) => `Column ${name} is no field, and was passed over.`),
      ],
    };
  });
}

/** The same for an engine whose process may have another directory. */
function elsewhere<O extends LayoutSource>(options: O): O {
  const { dictionary } = options;
  return dictionary === undefined ? options : { ...options, dictionary: resolve(dictionary) };
}

/** What makes no sense in a layout says which one that is, unless it is the encoding of the command line. */
async function inLayout<R>(session: Session, work: () => Promise<R>): Promise<R> {
  try {
    return await work();
  } catch (error) {
    const isLayout =
      error instanceof BtrieveError && error.reason === 'layout' && error.file === undefined;
    const file = session.value('layout') ?? session.value('ddf');
    if (!isLayout || file === undefined || isEncoding(session, error)) throw error;
    const { status, expected, found } = error;
    const [text = ''] = error.message.split(` (status ${status}, `);
    throw new BtrieveError(status, text, {
      reason: 'layout',
      file,
      ...(expected === undefined ? {} : { expected }),
      ...(found === undefined ? {} : { found }),
    });
  }
}

function isEncoding(session: Session, { found }: BtrieveError): boolean {
  const encoding = session.value('encoding');
  return encoding !== undefined && found === encoding;
}

async function layoutOf(session: Session): Promise<LayoutSource> {
  const [layout, dictionary] = [session.value('layout'), session.value('ddf')];
  if ((layout === undefined) === (dictionary === undefined))
    throw session.wrong('give the fields by --layout file or by --ddf directory');
  const [table, encoding] = [session.value('table'), session.value('encoding')];
  if (table !== undefined && dictionary === undefined)
    throw session.wrong('--table is a table of a dictionary, which --ddf names');
  return {
    ...(layout === undefined ? {} : { layout: readText('the layout file', layout) }),
    ...(dictionary === undefined
      ? {}
      : { dictionary, dictionaryOwner: await session.owner(1, dictionary) }),
    ...(table === undefined ? {} : { table }),
    ...(encoding === undefined ? {} : { encoding }),
  };
}
