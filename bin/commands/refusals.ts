/** Records that a file did not take, in words. */
import { statusText, type RefusedRecords } from '../../src/index.js';
import { counted, message, MESSAGE } from '../messages.js';

const SHOWN = 10;

export function describeRefused(refused: RefusedRecords, where: string): string[] {
  if (refused.count === 0) return [];
  const reasons = Object.entries(refused.byStatus).map(
    ([status, count]) =>
      `  status ${status}: ${counted(count, 'record')} (${statusText(Number(status))})`,
  );
  const records = refused.first.slice(0, SHOWN).map(({ record, status, key }) => {
    const place = key === undefined ? '' : `, key ${key}`;
    return `  record ${record} of the input: status ${status}${place}`;
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
