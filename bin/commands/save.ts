/** `butil -save`: the records of a file into an unformatted file. */
import { resolve } from 'node:path';
import { saveRecords, type SaveOptions } from '../../src/index.js';
import { counted, grouped, message, MESSAGE } from '../messages.js';
import { EXIT, ofSource, type Outcome } from '../outcome.js';
import type { Session } from '../session.js';

const KEY_NUMBER_MAX = 118;

export async function command(session: Session): Promise<Outcome> {
  const [source, output] = [session.operand(0), session.operand(1)];
  const order = orderOf(session);
  const owner = await session.owner(0, source);
  const { dryRun } = session;
  const overDataFile = session.isSet('yes');
  await session.confirmOutput(output);
  const options = { owner, dryRun, overDataFile, ...order };
  const { externalIndex } = options;
  const result = await session.work(
    externalIndex === undefined ? [source] : [source, externalIndex],
    'saveRecords',
    {
      ...{ ...options, source: resolve(source), output: resolve(output) },
      ...(externalIndex !== undefined && { externalIndex: resolve(externalIndex) }),
    },
    'Saving',
    (client) => saveRecords(client, source, output, options),
  );
  const { saved, leftOut, dangling } = result;
  const isWhole = leftOut === 0 && dangling === 0;
  const would = dryRun ? ' that would be' : '';
  return ofSource(
    {
      exitCode: isWhole ? EXIT.DONE : EXIT.FINDINGS,
      reason: isWhole ? 'done' : 'left-out',
      result: { source, output, dryRun, ...result },
      text: [
        ...(leftOut === 0 ? [] : [message(MESSAGE.LEFT_OUT, leftOutText(leftOut, result.order))]),
        ...(dangling === 0 ? [] : [message(MESSAGE.LEFT_OUT, danglingText(dangling))]),
        `Total number of records${would} saved = ${saved}`,
      ].join('\n'),
      warnings: result.notes,
    },
    result.isUnfinished,
  );
}

function orderOf(session: Session): Pick<SaveOptions, 'order' | 'externalIndex'> {
  const [answer, what] = [session.optional(2)?.toUpperCase(), session.optional(3)];
  if (answer === undefined) return {};
  if (answer !== 'Y' && answer !== 'N') throw session.wrong(`${answer} is neither Y nor N`);
  if (what === undefined) {
    throw session.wrong(answer === 'Y' ? 'indexFile is missing' : 'keyNumber is missing');
  }
  if (answer === 'Y') return { externalIndex: what };
  const number = session.number(what, 'keyNumber', -1, KEY_NUMBER_MAX);
  return { order: number < 0 ? 'physical' : number };
}

function leftOutText(count: number, order: number | 'physical' | 'external'): string {
  const where = order === 'external' ? 'the external index' : `the index of key ${order}`;
  const verb = count === 1 ? 'is' : 'are';
  return `${counted(count, 'record')} ${verb} not in ${where} and not saved; N -1 saves all.`;
}

function danglingText(count: number): string {
  return `Entries of the external index that lead to no record: ${grouped(count)}. Make it anew.`;
}
