/**
 * Transcripts: command lines of `butil` and exactly what they print. A transcript is a text file:
 *
 *     # a remark
 *     write orders.des          a text file; its lines follow, up to one that says "end"
 *     records orders.seq        an unformatted file; each line is a record, with \xNN for other bytes
 *     bytes upper.alt           a file of just these bytes, in lines that are joined; \xNN{200} is 200 of one
 *     damage a.btr 4096 100     inverts bytes, from an offset on
 *     original 6-fixed a.btr    one of the made files of the original engine
 *     remove a.btr
 *     copy a.btr b.btr
 *     directory sub
 *     length big.des 20000000   cuts a file off there, or fills it up with zeros
 *     answer pam                what is typed when the next command asks
 *     input pam                 a line of standard input of the next command
 *     set NAME value            a variable of the environment
 *     $ -undo a.btr --tx {tx}   a command; {tx} is the transaction that was listed last
 *     $ -stat orders.btr        a command; "$ " alone is butil without words
 *     ...                       what it prints; lines of standard error begin with "! "
 *     = 0                       its exit code
 *
 * `UPDATE_TRANSCRIPTS=1` writes what is printed now in the place of what stands there: look at the
 * difference before it is kept.
 */
import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { butil, type Console } from '../../bin/command-line.js';
import { banner } from '../../bin/messages.js';
import { version } from '../../src/version.js';

/** A step of a transcript: what stands there, and for a command what it printed then. */
interface Step {
  readonly line: string;
  readonly body: readonly string[];
}

const MADE_FILES = new URL('../fixtures/legacy-made/', import.meta.url);
const WITH_BODY = /^(?:write|records|bytes) /;

export function parseTranscript(text: string): Step[] {
  const steps: { line: string; body: string[] }[] = [];
  let into: string[] | undefined;
  for (const line of text.replace(/\n$/, '').split('\n')) {
    const isCommand = line === '$' || line.startsWith('$ ');
    if (into === undefined || isCommand) {
      const body: string[] = [];
      steps.push({ line, body });
      into = isCommand || WITH_BODY.test(line) ? body : undefined;
      continue;
    }
    into.push(line);
    if (line === 'end' || /^= \d$/.test(line)) into = undefined;
  }
  return steps;
}

export function formatTranscript(steps: readonly Step[]): string {
  return `${steps.flatMap(({ line, body }) => [line, ...body]).join('\n')}\n`;
}

/** Runs a transcript in a directory of its own; returns it with what is printed now. */
export class TranscriptRun {
  readonly #directory: string;
  readonly #root: string;
  readonly #platform: string;
  #answers: string[] = [];
  #input = '';
  readonly #environment: Record<string, string>;
  /** What is typed in the place of the words of a command; as it stands there if it is not given. */
  readonly #typed: (words: readonly string[]) => readonly string[];

  constructor(
    directory: string,
    root: string,
    platform = 'linux',
    typed: (words: readonly string[]) => readonly string[] = (words) => words,
  ) {
    this.#typed = typed;
    this.#directory = directory;
    this.#root = root;
    this.#platform = platform;
    this.#environment = { ISAMITE_ROOT: root };
  }

  async run(steps: readonly Step[]): Promise<Step[]> {
    const results: Step[] = [];
    for (const step of steps) results.push({ ...step, body: await this.#take(step) });
    return results;
  }

  async #take({ line, body }: Step): Promise<readonly string[]> {
    const [word = '', name = '', ...rest] = line.split(' ');
    if (word === '$') return this.#command(wordsOf(line.slice(2).replaceAll('{tx}', this.#tx)));
    const prepare = this.#steps[word];
    if (prepare !== undefined) prepare(name, rest, body.slice(0, -1));
    else if (word !== '#' && line !== '') throw new Error(`no such step: ${line}`);
    return body;
  }

  /** What comes before a command, by its word: with a name, the words behind it, and the lines of its body. */
  readonly #steps: Readonly<
    Record<string, (name: string, rest: readonly string[], lines: readonly string[]) => void>
  > = {
    write: (name, _, lines) =>
      writeFileSync(this.#at(name), lines.map((each) => `${each}\n`).join('')),
    records: (name, _, lines) => writeFileSync(this.#at(name), unformatted(lines)),
    bytes: (name, _, lines) => writeFileSync(this.#at(name), bytesOf(repeated(lines.join('')))),
    append: (name, rest) => appendFileSync(this.#at(name), bytesOf(rest.join(' '))),
    damage: (name, [from, count]) => this.#damage(this.#at(name), Number(from), Number(count)),
    remove: (name) => rmSync(this.#at(name)),
    copy: (name, [to = '']) => copyFileSync(this.#at(name), this.#at(to)),
    original: (name, [to = '']) =>
      copyFileSync(fileURLToPath(new URL(`${name}.btr`, MADE_FILES)), this.#at(to)),
    directory: (name) => mkdirSync(this.#at(name)),
    length: (name, [bytes]) => truncateSync(this.#at(name), Number(bytes)),
    answer: (...words) => this.#answers.push(textOf(words)),
    input: (...words) => {
      this.#input += `${textOf(words)}\n`;
    },
    set: (name, rest) => {
      this.#environment[name] = rest.join(' ');
    },
  };

  #at(name: string): string {
    return join(this.#directory, name);
  }

  #damage(path: string, from: number, count: number): void {
    const bytes = readFileSync(path);
    for (let at = from; at < from + count; at++) bytes[at] = (bytes[at] ?? 0) ^ 0xff;
    writeFileSync(path, bytes);
  }

  async #command(words: readonly string[]): Promise<string[]> {
    const printed: string[] = [];
    const print = (text: string, mark: string): void => {
      printed.push(...text.split('\n').map((each) => `${mark}${each}`));
    };
    const console: Console = {
      platform: this.#platform,
      environment: this.#environment,
      out: (text) => print(text, ''),
      err: (text) => print(text, '! '),
      isInteractive: this.#answers.length > 0,
      ask: (question, isHidden) => {
        print(`${question}${isHidden ? '(not shown)' : ''}`, '? ');
        return Promise.resolve(this.#answers.shift());
      },
      readInput: () => this.#input,
    };
    const code = await butil(this.#typed(words), console);
    this.#input = '';
    this.#answers = [];
    return [...this.#shown(printed), `= ${code}`];
  }

  /** The number of the transaction that was listed last. */
  #tx = '';

  /** Without the banner, and without what differs from run to run. */
  #shown(printed: readonly string[]): string[] {
    const text = printed.join('\n');
    this.#tx = /.*Z {2}(\d+) {2}(?:operation|transaction)/s.exec(text)?.[1] ?? this.#tx;
    const begin = `${banner(version)}\n`;
    const rest = text.startsWith(begin) ? text.slice(begin.length) : `(no banner)\n${text}`;
    return rest
      .replaceAll(this.#root, '{root}')
      .replaceAll(this.#directory, '{dir}')
      .replaceAll(/\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, '{uuid}')
      .replaceAll(/\b[0-9a-f]{8}\b/g, '{checksum}')
      .replaceAll(/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, '{time}')
      .replaceAll(`"pid": ${process.pid}`, '"pid": {pid}')
      .replaceAll(version, '{version}')
      .replaceAll(process.version, '{node}')
      .split('\n');
  }
}

/** What stands behind the word of a step. */
function textOf([name, rest]: readonly [string, readonly string[], ...unknown[]]): string {
  return [name, ...rest].join(' ');
}

/** Words of a command line; quotation marks keep one together. */
function wordsOf(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');
}

/** `\xNN{3}` is `\xNN\xNN\xNN`. */
function repeated(text: string): string {
  return text.replaceAll(/(\\x[0-9a-fA-F]{2})\{(\d{1,5})\}/g, (_, byte: string, count: string) =>
    byte.repeat(Number(count)),
  );
}

/** `\xNN` is a byte. */
function bytesOf(text: string): Buffer {
  const plain = text.replaceAll(/\\x([0-9a-fA-F]{2})/g, (_, hex: string) =>
    String.fromCharCode(parseInt(hex, 16)),
  );
  return Buffer.from(plain, 'latin1');
}

/** An unformatted file, made without any code of the engine. */
export function unformatted(records: readonly string[]): Buffer {
  const parts = records
    .map(bytesOf)
    .flatMap((bytes) => [Buffer.from(`${bytes.length},`), bytes, Buffer.from('\r\n')]);
  return Buffer.concat([...parts, Buffer.of(0x1a)]);
}
