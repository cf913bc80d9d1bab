/**
 * What a command works with: its operands and options, the owner names (asked for if need be), an engine
 * that is started when it is first needed, and ways to show progress and to ask.
 */
import type { Client, MicroKernel, RemoteClient } from '../src/index.js';
import type { Console } from './console.js';
import { chooseRoot, reachEngine, startEngine, type EngineOptions } from './engine-for-command.js';
import { UsageError, type ClassicLine } from './grammar.js';
import type { LongOptions } from './options.js';
import type { Outcome } from './outcome.js';
import { follow, progressIn, ProgressLine, type Step } from './progress.js';
import { isThere, readText, TextFileError } from './text-files.js';

/** What a command module exports: from a session to what it came to. */
export type Command = (session: Session) => Outcome | Promise<Outcome>;

/** Seconds that are waited for a busy engine root. */
const WAIT = 10;

/** Milliseconds; as many as a timer can have. */
const NO_LIMIT = 0x7fff_ffff;

/** An owner name is needed, and nobody gives one. */
export class NoOwnerName extends Error {}

export class Session {
  readonly console: Console;
  readonly command: string;
  readonly #line: ClassicLine;
  readonly #long: LongOptions;
  #engine: { engine: MicroKernel; client: Client } | undefined;
  #remote: RemoteClient | undefined;
  #root: string | undefined;
  #isToldOfOwn = false;
  #names: readonly string[] | undefined;

  constructor(console: Console, command: string, line: ClassicLine, long: LongOptions) {
    this.console = console;
    this.command = command;
    this.#line = line;
    this.#long = long;
    if (line.owners.length > 0 && (this.isSet('owner-file') || this.isSet('owner-stdin'))) {
      throw this.wrong('an owner name is given by -O or by --owner-file or --owner-stdin');
    }
    if (this.isSet('owner-file') && this.isSet('owner-stdin')) {
      throw this.wrong('--owner-file and --owner-stdin are two sources of the same');
    }
  }

  /** An operand that must be there. */
  operand(index: number): string {
    return this.#line.operands[index] ?? '';
  }

  optional(index: number): string | undefined {
    return this.#line.operands[index];
  }

  /** The operands from one on. */
  rest(index: number): readonly string[] {
    return this.#line.operands.slice(index);
  }

  /** The operands before `--`. */
  get ownOperands(): readonly string[] {
    return this.#line.operands.slice(0, this.#line.ownOperands);
  }

  /** The command line of another program, behind `--`. */
  get programLine(): readonly string[] {
    return this.#line.operands.slice(this.#line.ownOperands);
  }

  /** Whether an option is given, classic (in capitals) or new. */
  isSet(name: string): boolean {
    return this.#long.has(name) || this.#line.options.has(name);
  }

  /** The value of an option, classic (in capitals) or new. */
  value(name: string): string | undefined {
    const long = this.#long.get(name);
    return typeof long === 'string' ? long : this.#line.options.get(name);
  }

  /** The values of a new option that may be repeated, in the order given. */
  values(name: string): readonly string[] {
    const given = this.#long.get(name);
    return given === undefined || given === true ? [] : [given].flat();
  }

  get dryRun(): boolean {
    return this.isSet('dry-run');
  }

  get isVerbose(): boolean {
    return this.isSet('verbose');
  }

  get isJson(): boolean {
    return this.isSet('json');
  }

  /** A mistake in the command line, exit code 3. */
  wrong(text: string): UsageError {
    return new UsageError(`butil -${this.command}: ${text}`);
  }

  /** A whole number that an operand must be. Throws `UsageError`. */
  number(text: string, what: string, least: number, most: number): number {
    const value = /^-?\d{1,9}$/.test(text) ? Number(text) : NaN;
    if (value >= least && value <= most) return value;
    throw this.wrong(`${what} must be a number from ${least} to ${most}, and not ${text}`);
  }

  /** Whether there is an owner name, given or to be asked for. */
  hasOwner(index: number): boolean {
    const word = this.#line.owners[index];
    if (word !== undefined) return word.isAsked || word.name !== '';
    return this.#ownersFromFile()[index] !== undefined;
  }

  /** The owner name of a file; empty for none. Asks for it if the command line says so. */
  async owner(index: number, file: string): Promise<string> {
    const word = this.#line.owners[index];
    if (word === undefined) return this.#ownersFromFile()[index] ?? '';
    if (!word.isAsked) return word.name;
    const answer = await this.console.ask?.(`Owner name of ${file}: `, true);
    if (answer !== undefined) return answer;
    throw new NoOwnerName(
      `there is nobody to ask for the owner name of ${file}; --owner-file and --owner-stdin ask nobody`,
    );
  }

  /**
   * An owner name that a file is to get. A person who types it sees nothing of it, so it is asked for twice, until both
   * are the same; whoever lost it by a slip of the finger would have lost the file.
   */
  async newOwner(index: number, file: string): Promise<string> {
    const isTyped = this.#line.owners[index]?.isAsked === true && this.console.isInteractive;
    for (;;) {
      const name = await this.owner(index, file);
      if (isTyped !== true) return name;
      const again = await this.console.ask?.('The same again: ', true);
      if (again === undefined)
        throw new NoOwnerName(`the owner name of ${file} was not typed again`);
      if (again === name) return name;
      this.console.err('These were two different names.');
    }
  }

  /** All owner names that are given; asks for the first if the command line says so. */
  async owners(file: string): Promise<readonly string[]> {
    const names: string[] = [];
    while (this.hasOwner(names.length)) names.push(await this.owner(names.length, file));
    return names.filter((name) => name !== '');
  }

  #ownersFromFile(): readonly string[] {
    this.#names ??= this.#readNames().split(/\r?\n/);
    // The line break at the end of the last name begins no other one.
    return this.#names.at(-1) === '' ? this.#names.slice(0, -1) : this.#names;
  }

  #readNames(): string {
    const path = this.value('owner-file');
    if (path !== undefined) return readText('the owner file', path);
    if (!this.isSet('owner-stdin')) return '';
    return this.console.readInput?.() ?? '';
  }

  /** A client of the command's engine. */
  async client(): Promise<Client> {
    return (await this.#started()).client;
  }

  /** The command's engine itself. */
  async engine(): Promise<MicroKernel> {
    return (await this.#started()).engine;
  }

  /** Seconds that are waited for what somebody else has. */
  get wait(): number {
    const wait = this.value('wait');
    return wait === undefined ? WAIT : this.number(wait, '--wait', 0, 86_400);
  }

  #options(): EngineOptions {
    const { wait } = this;
    const given = this.value('root');
    if (this.#root === undefined) return { root: given, wait };
    const { source } = chooseRoot(given, this.console);
    return { root: this.#root, source, wait };
  }

  /**
   * A client of the engine that runs already, at the root of the command or with one of the files open;
   * undefined if there is none. Throws 3106 if it does not answer.
   */
  async running(...files: readonly string[]): Promise<RemoteClient | undefined> {
    if (this.#remote !== undefined) return this.#remote;
    const found = await reachEngine(this.#options(), files, this.console);
    if (found === undefined) return undefined;
    const { client, root } = found;
    this.#remote = client;
    if (this.isVerbose) this.console.err(`By the engine of ${root}, in process ${client.pid}.`);
    return client;
  }

  /**
   * What the engine that runs already makes of a function that has a name; undefined if there is none. It
   * takes as long as it takes: a command that is interrupted ends it. With a label it is drawn how far it is.
   */
  async byRunning<R>(
    files: readonly string[],
    name: string,
    args: Readonly<Record<string, unknown>>,
    label?: string,
  ): Promise<R | undefined> {
    const running = await this.running(...files);
    if (running === undefined) return undefined;
    if (label === undefined || this.console.progress === undefined) {
      return (await running.administer(name, args, NO_LIMIT)) as R;
    }
    const now = this.console.now ?? (() => performance.now());
    const line = new ProgressLine(this.console, label, now());
    try {
      const tell = (step: unknown): void => {
        const progress = progressIn(step);
        if (progress !== undefined) line.draw(progress, now());
      };
      return (await running.administer(name, args, NO_LIMIT, tell)) as R;
    } finally {
      line.clear();
    }
  }

  /**
   * A long step: that of a name, of the engine that runs already and has one of the files or the root of the command;
   * else by an engine of its own.
   */
  async work<R>(
    files: readonly string[],
    name: string,
    args: Readonly<Record<string, unknown>>,
    label: string,
    own: (client: Client) => Step<R>,
  ): Promise<R> {
    const answer = await this.byRunning<R>(files, name, args, label);
    return answer === undefined ? this.follow(label, own(await this.client())) : answer;
  }

  /** The same of what is done at once; with a label it is drawn how far an engine that runs is. */
  async once<R>(
    files: readonly string[],
    name: string,
    args: Readonly<Record<string, unknown>>,
    own: (client: Client) => R,
    label?: string,
  ): Promise<R> {
    const answer = await this.byRunning<R>(files, name, args, label);
    return answer === undefined ? own(await this.client()) : answer;
  }

  /**
   * A long step below the engines, on what is on disk; of files that a running engine has open, that of a name, by
   * that engine.
   */
  async below<R>(
    files: readonly string[],
    name: string,
    args: Readonly<Record<string, unknown>>,
    label: string,
    here: () => Step<R>,
  ): Promise<R> {
    try {
      return await this.follow(label, here());
    } catch (error) {
      if (!isHeld(error)) throw error;
      const answer = await this.byRunning<R>(files, name, args, label);
      if (answer === undefined) throw error;
      return answer;
    }
  }

  async #started(): Promise<{ engine: MicroKernel; client: Client }> {
    this.#engine ??= await startEngine(this.#options(), this.console);
    if (this.isVerbose && !this.#isToldOfOwn) {
      this.console.err(`By an engine of the command, at ${this.#engine.engine.root}.`);
      this.#isToldOfOwn = true;
    }
    return this.#engine;
  }

  /**
   * Lets go of every engine, so that others may have the root meanwhile; what comes next is with that of `root`.
   * Throws what could not be written.
   */
  release(root: string): void {
    this.end();
    this.#remote = undefined;
    this.#root = root;
  }

  /** Stops the engine, if one was started. Throws what could not be written. */
  end(): void {
    const engine = this.#engine?.engine;
    this.#engine = undefined;
    this.#remote?.abandon();
    engine?.stop();
  }

  /** Runs a long step, with progress and a way to interrupt it. */
  follow<R>(label: string, step: Step<R>): Promise<R> {
    return follow(this.console, label, step);
  }

  /** For a step that cannot be interrupted: called now and then, it draws how far it is. */
  progress(
    label: string,
    unit: string,
  ): { tell: (done: number, total: number) => void; end: () => void } {
    const now = this.console.now ?? (() => performance.now());
    const line = new ProgressLine(this.console, label, now());
    let last = now();
    return {
      tell: (done, total) => {
        const time = now();
        if (time - last < REDRAW) return;
        last = time;
        line.draw({ done, total, unit }, time);
      },
      end: () => line.clear(),
    };
  }

  /**
   * Whether something that is there may be replaced: `--yes`, or what a person says. Where nobody can be
   * asked, `otherwise`.
   */
  async mayReplace(question: string, otherwise: boolean): Promise<boolean> {
    if (this.isSet('yes')) return true;
    if (this.dryRun || this.console.isInteractive !== true || this.console.ask === undefined) {
      return otherwise;
    }
    const answer = await this.console.ask(`${question} [y/N] `, false);
    return /^y(?:es)?$/i.test(answer?.trim() ?? '');
  }

  /**
   * For an output file that is no data file: scripts have always had it replaced, a person is asked first. Throws
   * `TextFileError` if that person says no.
   */
  async confirmOutput(path: string): Promise<void> {
    if (!isThere(path)) return;
    if (await this.mayReplace(`${path} is there already. Replace it?`, true)) return;
    throw new TextFileError('the output file', path, new Error('it is left as it was'));
  }
}

/** Another process has the file open. */
function isHeld(error: unknown): boolean {
  return error instanceof Error && 'reason' in error && error.reason === 'locked';
}

/** Milliseconds between two drawings. */
const REDRAW = 100;
