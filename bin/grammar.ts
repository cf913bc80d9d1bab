/**
 * The command word, decided before yargs sees anything.
 *
 * `butil -CHECK file` has always been written with a dash and in any case, on Windows with a slash
 * too; yargs wants `check file`. Everything after the first word is left alone.
 */

export interface Words {
  /** In lower case and without its dash; undefined if the first word is no command. */
  readonly command: string | undefined;
  readonly rest: readonly string[];
}

export function splitCommand(words: readonly string[], platform: string): Words {
  const [first, ...rest] = words;
  const mark = platform === 'win32' ? /^[-/]([a-z][a-z]*)$/i : /^-([a-z][a-z]*)$/i;
  const command = first === undefined ? undefined : mark.exec(first)?.[1]?.toLowerCase();
  return { command, rest: command === undefined ? words : rest };
}
