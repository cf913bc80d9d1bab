/** Records that a file did not take, in words. */
import { statusText, type RefusedRecords } from '../../src/index.js';
import { counted, message, MESSAGE } from '../messages.js';

const SHOWN = 10;
const WRONG_LENGTH = 22;

export function describeRefused(refused: RefusedRecords, where: string): string[] {
  if (refused.count === 0) return [];
  const reasons = Object.entries(refused.byStatus).map(
    ([status, count]) =>
      `  status ${status}: ${counted(count, 'record')} (${statusText(Number(status))})`,
  );
  const records = refused.first.slice(0, SHOWN).map(({ record, status, key, message: why }) => {
    const place = key === undefined ? '' : `, key ${key}`;
    // The text of the status is about buffers, and here nobody has any.
    const lengths = status === WRONG_LENGTH ? `: ${plain(why, status)}` : '';
    return `  record ${record} of the input: status ${status}${place}${lengths}`;
  });
  const more = refused.count - records.length;
  return [
    message(
      MESSAGE.REFUSED_RECORDS,
      `${counted(refused.count, 'record')} ${refused.count === 1 ? 'was' : 'were'} not inserted into ${where}.`,
    ),
    ...reasons,
    ...records,
    ...(more > 0 ? [`  and ${counted(more, 'more record')}; --json lists up to 100`] : []),
  ];
}

/** A message without what its class has added. */
function plain(text: string, status: number): string {
  return text.split(` (status ${status}, `)[0] ?? text;
}
