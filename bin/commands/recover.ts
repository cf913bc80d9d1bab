/** `butil -recover`: what can be read of a damaged file, into an unformatted file. */
import { resolve } from 'node:path';
import { recoverRecords, type RecoverResult } from '../../src/index.js';
import { counted, grouped, message, MESSAGE } from '../messages.js';
import { EXIT, type Outcome } from '../outcome.js';
import type { Session } from '../session.js';

const SHOWN = 20;

export async function command(session: Session): Promise<Outcome> {
  const [source, output] = [session.operand(0), session.operand(1)];
  const owner = await session.owner(0, source);
  const { dryRun } = session;
  const overDataFile = session.isSet('yes');
  await session.confirmOutput(output);
  const like = session.value('like');
  const backward = session.isSet('backward');
  const options = { owner, dryRun, overDataFile, backward };
  const args = { ...options, source: resolve(source), output: resolve(output) };
  const result = await session.below(
    like === undefined ? [source] : [source, like],
    'recoverRecords',
    like === undefined ? args : { ...args, like: resolve(like) },
    'Recovering',
    () => recoverRecords(source, output, like === undefined ? options : { ...options, like }),
  );
  const { problemCount, recovered, expected, unconfirmed, isBehind } = result;
  const isRead = problemCount === 0 && unconfirmed === 0;
  const isWhole = isRead && recovered === expected && !isBehind;
  return {
    exitCode: isWhole ? EXIT.DONE : EXIT.FINDINGS,
    reason: isWhole ? 'done' : 'damaged',
    result: { source, output, dryRun, ...result },
    text: [
      ...problems(result),
      `Total number of records${dryRun ? ' that would be' : ''} recovered = ${result.recovered}`,
    ].join('\n'),
    warnings: [...result.notes, ...missing(result), ...uncertain(result)],
  };
}

function problems({ problems: listed, problemCount }: RecoverResult): string[] {
  if (problemCount === 0) return [];
  const rows = listed.slice(0, SHOWN).map(({ place, message: text, offset }) => {
    const at = offset === undefined ? '' : ` (offset ${offset})`;
    return `  ${place}${at}: ${text}`;
  });
  const more = problemCount - rows.length;
  return [
    message(
      MESSAGE.NOT_RECOVERED,
      `${counted(problemCount, 'place')} of the file could not be read:`,
    ),
    ...rows,
    ...(more > 0 ? [`  and ${grouped(more)} more; --json lists up to 1,000`] : []),
  ];
}

function missing({ recovered, expected }: RecoverResult): string[] {
  if (recovered === expected) return [];
  return [`The file says that it has ${counted(expected, 'record')}.`];
}

function uncertain({ unconfirmed }: RecoverResult): string[] {
  if (unconfirmed === 0) return [];
  return [
    `${counted(unconfirmed, 'record')} come from pages that a damaged page table cannot confirm; they may be older states.`,
  ];
}
