/**
 * From the classic spelling of a command line to plain data. Pure: no file and no terminal is looked at.
 *
 * - The first word is the command: `-copy` in any case; on Windows `/copy` too.
 * - Options are `-Oname`, with the value glued on; on Windows also `/Oname`. Elsewhere `/opt/a.btr` is a
 *   path, so `/X` is an option only where no path can stand any more: as soon as the next operand, if
 *   there is one, is none.
 * - `--name value` and `--name=value` are the new options. They are collected for yargs.
 * - `-1` is an operand, and everything after `--` is.
 */
import {
  classicOptionsOf,
  longOptionsOf,
  type ClassicOption,
  type CommandDeclaration,
  type LongOption,
  type OperandDeclaration,
} from './declaration.js';
import { nearest } from './nearest-word.js';

/** The command line was wrong: exit code 3. */
export class UsageError extends Error {}

/** An owner name as it stood on the command line. */
export interface OwnerWord {
  /** Empty for the bare `-O` that holds the place of a file without owner. */
  readonly name: string;
  /** `-O*` and `-PROMPT`: a person is asked. */
  readonly isAsked: boolean;
}

export interface ClassicLine {
  readonly operands: readonly string[];
  /** How many of them stand before `--`; all if there is none. */
  readonly ownOperands: number;
  readonly owners: readonly OwnerWord[];
  /** Other classic options, by name; the value is empty for those without one. */
  readonly options: ReadonlyMap<string, string>;
  /** What yargs is to read. */
  readonly long: readonly string[];
  /** The words as they may be shown: without owner names and passwords. */
  readonly shown: readonly string[];
}

/** The command word and the rest; no command if the first word is none. */
export interface Words {
  /** In lower case and without its mark. */
  readonly command: string | undefined;
  readonly rest: readonly string[];
}

export function splitCommand(words: readonly string[], platform: string): Words {
  const [first, ...rest] = words;
  const mark = platform === 'win32' ? /^[-/]([a-z]+(?:-[a-z]+)*)$/i : /^-([a-z]+(?:-[a-z]+)*)$/i;
  const command = first === undefined ? undefined : mark.exec(first)?.[1]?.toLowerCase();
  return { command, rest: command === undefined ? words : rest };
}

/** Reads what stands behind a command word. Throws `UsageError`. */
export function readClassicLine(
  command: CommandDeclaration,
  words: readonly string[],
  platform: string,
): ClassicLine {
  const reader = new LineReader(command, platform);
  for (let at = 0; at < words.length; at++) at += reader.take(words[at] ?? '', words[at + 1]);
  return reader.end();
}

const COUNT_BELOW_ZERO = /^-\d+$/;

class LineReader {
  readonly #command: CommandDeclaration;
  readonly #isWindows: boolean;
  readonly #options: readonly ClassicOption[];
  readonly #operands: string[] = [];
  readonly #owners: OwnerWord[] = [];
  readonly #given = new Map<string, string>();
  readonly #long: string[] = [];
  readonly #shown: string[] = [];
  #onlyOperands = false;
  /** Operands before `--`. */
  #ownOperands: number | undefined;

  constructor(command: CommandDeclaration, platform: string) {
    this.#command = command;
    this.#isWindows = platform === 'win32';
    // `-PWDx` is no `-P…`: longer names go first.
    this.#options = classicOptionsOf(command).toSorted((a, b) => b.name.length - a.name.length);
  }

  /** Takes a word; returns how many of the following it has taken as well. */
  take(word: string, next: string | undefined): number {
    if (this.#onlyOperands) this.#addOperand(word);
    else if (word === '--') this.#endOptions();
    else if (word.startsWith('--')) return this.#takeLong(word, next);
    else if (COUNT_BELOW_ZERO.test(word)) this.#addOperand(word);
    else if (word.startsWith('-') && word.length > 1) this.#takeOption(word);
    else if (!word.startsWith('/') || !this.#takeSlash(word)) this.#addOperand(word);
    return 0;
  }

  #endOptions(): void {
    this.#onlyOperands = true;
    this.#ownOperands = this.#operands.length;
    if (this.#command.runsCommand === true) this.#shown.push('--');
  }

  end(): ClassicLine {
    const { operands } = this.#command;
    const missing = operands[this.#operands.length];
    const wantsHelp = this.#long.includes('--help');
    if (missing !== undefined && missing.isOptional !== true && !wantsHelp) {
      throw this.#wrong(`${missing.name} is missing`);
    }
    if (this.#given.has('UID') && !this.#given.has('PWD')) {
      throw this.#wrong('a password must be given with a user name (-PWD with -UID)');
    }
    return {
      operands: this.#operands,
      ownOperands: this.#ownOperands ?? this.#operands.length,
      owners: this.#owners,
      options: this.#given,
      long: this.#long,
      shown: this.#withoutSecretOperands(),
    };
  }

  #withoutSecretOperands(): readonly string[] {
    const secrets = this.#command.secrets?.(this.#operands) ?? [];
    const words = new Set(secrets.map((index) => this.#operands[index]));
    return this.#shown.map((word) => (words.has(word) ? '***' : word));
  }

  #addOperand(word: string): void {
    const { operands } = this.#command;
    if (this.#operands.length >= operands.length && operands.at(-1)?.isRepeated !== true) {
      const hint = this.#takesList()
        ? '; several files are given by a list of them, @listFile'
        : '';
      throw this.#wrong(`${word}: there is nothing more to be given${hint}`);
    }
    this.#operands.push(word);
    this.#shown.push(word);
  }

  /** Whether a path may come next. */
  #mayBePath(): boolean {
    const next: OperandDeclaration | undefined = this.#command.operands[this.#operands.length];
    if (next === undefined || next.kind === 'word') return false;
    return next.kind === 'path' || this.#operands.at(-1)?.toUpperCase() === 'Y';
  }

  /** Whether any number of paths may come still: what is no option is one. */
  #mayBeMore(): boolean {
    const last = this.#command.operands.at(-1);
    return last?.isRepeated === true && last.kind === 'path';
  }

  #takesList(): boolean {
    return this.#command.operands.at(-1)?.name.endsWith('|@listFile') === true;
  }

  /** A path, of all appearance, where a list of them could have been given. */
  #isOneTooMany(word: string): boolean {
    return this.#takesList() && /.[/\\.]/.test(word);
  }

  /** `/X`: true if it was an option. */
  #takeSlash(word: string): boolean {
    const option = this.#optionOf(word.slice(1));
    if (this.#isWindows) {
      // What is no option may be a path on Windows too.
      if (option === undefined && this.#mayBePath()) return false;
    } else if (this.#mayBePath()) return false;
    if (option === undefined && (this.#mayBeMore() || this.#isOneTooMany(word))) return false;
    if (option === undefined) throw this.#wrong(`${word} is no option of this command`);
    this.#addOption(option, word);
    return true;
  }

  #takeOption(word: string): void {
    const option = this.#optionOf(word.slice(1));
    if (option === undefined) {
      const hint = this.#mayBePath()
        ? ' (a file name that begins with - goes behind --)'
        : this.#meant(word.slice(1).toLowerCase());
      throw this.#wrong(`${word} is no option of this command${hint}`);
    }
    this.#addOption(option, word);
  }

  #optionOf(word: string): ClassicOption | undefined {
    const upper = word.toUpperCase();
    return this.#options.find(({ name, value }) =>
      value === 'none' ? upper === name : upper.startsWith(name),
    );
  }

  #addOption({ name, value }: ClassicOption, word: string): void {
    const mark = word.slice(0, 1 + name.length);
    const glued = word.slice(mark.length);
    const isSecret = (name === 'O' || name === 'PWD') && glued !== '' && glued !== '*';
    this.#shown.push(isSecret ? `${mark}***` : word);
    if (name === 'O' || name === 'PROMPT') {
      this.#addOwner({ name: glued === '*' ? '' : glued, isAsked: name !== 'O' || glued === '*' });
      return;
    }
    if (value === 'glued' && glued === '') {
      throw this.#wrong(`-${name} needs its value, without a blank between`);
    }
    if (this.#given.has(name)) throw this.#wrong(`-${name} is given twice`);
    this.#given.set(name, glued);
  }

  #addOwner(owner: OwnerWord): void {
    const { owners } = this.#command;
    if (this.#owners.length >= owners) {
      throw this.#wrong(owners === 1 ? 'one owner name is enough' : 'two owner names are enough');
    }
    this.#owners.push(owner);
  }

  #takeLong(word: string, next: string | undefined): number {
    const equals = word.indexOf('=');
    const name = word.slice(2, equals < 0 ? undefined : equals);
    const option = this.#longOptions().find((each) => each.name === name);
    if (option === undefined)
      throw this.#wrong(`--${name} is no option of this command${this.#meant(name)}`);
    if (option.value === undefined && equals >= 0) throw this.#wrong(`--${name} takes no value`);
    if (option.value === undefined || equals >= 0) {
      this.#long.push(word);
      this.#shown.push(word);
      return 0;
    }
    const mistake = valueMistake(name, option.value, next);
    if (mistake !== undefined) throw this.#wrong(mistake);
    this.#long.push(`${word}=${next ?? ''}`);
    this.#shown.push(word, next ?? '');
    return 1;
  }

  /** The option that is nearest to a word that is none; `-json` is `--json`, and `--l` is `-L`. */
  #meant(word: string): string {
    const near = nearest(
      word,
      this.#longOptions().map(({ name }) => name),
    );
    return near === undefined ? '' : `; did you mean --${near}?`;
  }

  #longOptions(): readonly LongOption[] {
    return longOptionsOf(this.#command);
  }

  #wrong(text: string): UsageError {
    return new UsageError(`butil -${this.#command.name}: ${text}`);
  }
}

/**
 * What is wrong with the word behind an option that needs a value; undefined if it is one. A forgotten value must not
 * take the option behind it along.
 */
export function valueMistake(
  name: string,
  value: string,
  next: string | undefined,
): string | undefined {
  if (next === undefined) return `--${name} needs a value: ${value}`;
  if (!next.startsWith('--')) return undefined;
  return `--${name} needs a value: ${value}; if ${next} is meant to be it: --${name}=${next}`;
}

/** One command of a command file. */
export interface CommandWords {
  readonly words: readonly string[];
  /** Where it begins, from 1. */
  readonly line: number;
}

/**
 * The commands of a command file, each ended by `<end>` or `[end]` in lower case. Words are separated
 * by blanks, tabs and line breaks; quotation marks keep one together. Throws `UsageError`, naming file and line.
 */
export function readCommandFile(text: string, path: string): CommandWords[] {
  const commands: CommandWords[] = [];
  let words: string[] = [];
  let begin = 1;
  for (const { word, line, isEnd } of wordsOf(text, path)) {
    if (!isEnd) {
      if (words.length === 0) begin = line;
      words.push(word);
      continue;
    }
    if (words.length > 0) commands.push({ words, line: begin });
    words = [];
  }
  if (words.length > 0) {
    const text = `the last command (${words[0] ?? ''} …) does not end with <end> or [end]`;
    throw inCommandFile(path, begin, text);
  }
  if (commands.length === 0) {
    throw new UsageError(`the command file ${path} has no command in it`);
  }
  return commands;
}

/** A mistake in a command file, with its place. */
export function inCommandFile(path: string, line: number, text: string): UsageError {
  return new UsageError(`command file ${path}, line ${line}: ${text}`);
}

interface FileWord {
  readonly word: string;
  readonly line: number;
  readonly isEnd: boolean;
}

function wordsOf(text: string, path: string): FileWord[] {
  const words: FileWord[] = [];
  let line = 1;
  let last = 0;
  // A word may have quoted parts: -O"two words".
  for (const { 0: word, index } of text.matchAll(/(?:"[^"]*"|[^\s"])+|"/g)) {
    line += text.slice(last, index).split('\n').length - 1;
    last = index;
    if (word === '"') throw inCommandFile(path, line, 'there is a quotation mark too many');
    const isEnd = word === '<end>' || word === '[end]';
    if (!isEnd && /^(?:<end>|\[end\])$/i.test(word)) {
      const right = word.toLowerCase();
      throw inCommandFile(
        path,
        line,
        `a command ends with ${right} in lower case, and not ${word}`,
      );
    }
    words.push({ word: word.replaceAll('"', ''), line, isEnd });
  }
  return words;
}
