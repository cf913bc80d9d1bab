/** The files that an operand names: one, or those of a list file (`@list`), one a line. */
import type { Session } from './session.js';
import { readText } from './text-files.js';

// Nothing of a path, and a sign that the file is something else than a list.
// eslint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f]/;

/** Throws `UsageError` for a list without a file or with what is no path, `TextFileError`. */
export function filesNamed(session: Session, operand: string): string[] {
  if (!operand.startsWith('@')) return [operand];
  const list = operand.slice(1);
  const lines = readText('the list file', list)
    .split(/\r?\n/)
    .map((line) => line.replace(/^\uFEFF/, '').trim())
    .filter((line) => line !== '');
  if (lines.length === 0) throw session.wrong(`${list} names no file`);
  const bad = lines.findIndex((line) => CONTROL.test(line));
  if (bad >= 0) throw session.wrong(`entry ${bad + 1} of ${list} has control characters in it`);
  return lines;
}
