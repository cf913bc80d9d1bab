/** What to do about a damaged file, in words and for `--json` (`advice`). Nothing here looks at a file. */

/** For a word of a command line: names with blanks are to be copied as they are shown. */
function word(path: string): string {
  return /\s/.test(path) ? `"${path}"` : path;
}

/** For a command that is for files of this engine only. */
export const ADVICE_ON_ORIGINAL =
  'It is a file of the original engine, which is read and never written: butil -identify says what it is, ' +
  'and butil -rebuild makes a file of this engine of it.';

/** Behind the findings of a check. */
export function adviceOnDamage(file: string): string {
  return (
    `A backup is the best remedy. Without one, butil -recover ${word(file)} outputFile writes ` +
    'what can still be read into an unformatted file.'
  );
}

/**
 * For a command that has failed with status 2: undefined where its message has said it already, and for RECOVER, which
 * cannot do more than it did.
 */
export function adviceOnReadError(
  command: string,
  file: string | undefined,
  said: string,
): string | undefined {
  if (file === undefined || command === 'recover') return undefined;
  // Where a delta is missing, the data file is whole, and has nothing that could be recovered.
  if (said.includes('butil -recover') || said.includes('--discard')) return undefined;
  if (command === 'check') return adviceOnDamage(file);
  return `butil -check ${word(file)} says whether it is damaged, and where. ${adviceOnDamage(file)}`;
}
