/**
 * `butil -backup-agent`: files are in continuous operation while a backup program, of whatever kind, copies them.
 *
 * Invariants:
 * - What the agent has put in it takes out, whatever becomes of the program; of signals the program is told, and
 *   the agent goes on to its end.
 * - No engine is held while the program runs: others may start one on the root.
 */
import { resolve } from 'node:path';
import type { BackupAgentEnd, BackupAgentReport, LeftOutFile } from '../../src/index.js';
import { BackupLists, runProgram, runShell, type ProgramEnd } from '../backup-program.js';
import type { InterruptSignal } from '../console.js';
import { outcomeOf } from '../failures.js';
import { listedFiles } from '../list-file.js';
import { counted, grouped, message, MESSAGE } from '../messages.js';
import { done, EXIT, type Outcome } from '../outcome.js';
import type { Session } from '../session.js';

export async function command(session: Session): Promise<Outcome> {
  const [what = '', operand, ...more] = session.ownOperands;
  if (more.length > 0)
    throw session.wrong(`${more.join(' ')} is too much; several files go into a list`);
  if (operand !== undefined && !/^@./.test(operand)) {
    throw session.wrong(
      `${operand}: files are given by a list of them, @listFile; a program behind --`,
    );
  }
  const isRun = what === 'run';
  if (isRun !== session.programLine.length > 0) {
    throw session.wrong(isRun ? 'run needs a program behind --' : `${what} takes no program`);
  }
  if (!isRun && (session.isSet('before') || session.isSet('after'))) {
    throw session.wrong('--before and --after belong to run');
  }
  const paths =
    operand === undefined ? undefined : listedFiles(operand).map((path) => resolve(path));
  if (what === 'start') return start(session, paths);
  if (what === 'stop') return stop(session, paths);
  if (what === 'status') return status(session, paths);
  if (isRun) return new Run(session, paths).execute();
  throw session.wrong(`${what} is none of run, start, stop and status`);
}

type Paths = readonly string[] | undefined;

async function begin(session: Session, files: Paths, pid?: number): Promise<BackupAgentReport> {
  const owner = await session.owner(0, files?.[0] ?? '');
  const options = {
    ...(files === undefined ? {} : { files }),
    ...(pid === undefined ? {} : { pid }),
    ...{ owner, dryRun: session.dryRun },
  };
  const report = await session.byRunning<BackupAgentReport>(
    files ?? [],
    'startBackupAgent',
    options,
  );
  return report ?? (await session.engine()).startBackupAgent(options);
}

async function end(session: Session, files: Paths): Promise<BackupAgentEnd> {
  const name = 'stopBackupAgent';
  const ended = await session.byRunning<BackupAgentEnd>(files ?? [], name, {}, 'Rolling in');
  if (ended !== undefined) return ended;
  return session.follow('Rolling in', (await session.engine()).stoppingBackupAgent());
}

async function reported(session: Session, files: Paths): Promise<BackupAgentReport> {
  const report = await session.byRunning<BackupAgentReport>(files ?? [], 'backupAgent', {});
  return report ?? (await session.engine()).backupAgent();
}

/** What an agent has left whose process is gone is ended first. */
async function endStale(session: Session, files: Paths): Promise<string[]> {
  const { isOn, pid } = await reported(session, files);
  if (!isOn || pid === undefined || isAlive(pid) || session.dryRun) return [];
  const { files: ended } = await end(session, files);
  const what = `${counted(ended.length, 'file')} taken out`;
  return [`The backup agent of process ${pid}, which is gone, was ended first: ${what}.`];
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

async function start(session: Session, files: Paths): Promise<Outcome> {
  const warnings = await endStale(session, files);
  const report = await begin(session, files);
  const text = [...describeBegin(report, session.dryRun), ...describeLeftOut(report.leftOut)];
  return withLeftOut(done(text.join('\n'), report, warnings), report.leftOut);
}

async function stop(session: Session, files: Paths): Promise<Outcome> {
  if (session.dryRun) {
    const report = await reported(session, files);
    const text = `${counted(report.files.length, 'file')} would be taken out.`;
    return done([text, ...indented(report.files)].join('\n'), report);
  }
  const ended = await end(session, files);
  const lines = [...describeEnd(ended), ...describeLeftOut(ended.failed, 'Still in')];
  return stillIn(done(lines.join('\n'), ended), ended.failed);
}

async function status(session: Session, files: Paths): Promise<Outcome> {
  const report = await reported(session, files);
  const { isOn, since = '', pid, scope, files: own, others, leftOut } = report;
  const isGone = pid !== undefined && !isAlive(pid);
  const whose = pid === undefined ? '' : `, for process ${pid}${isGone ? ', which is gone' : ''}`;
  const what = scope === 'open' ? 'open files' : 'the files of a list';
  const lines = isOn
    ? [`The backup agent is on for ${what}, since ${since}${whose}.`]
    : [`The backup agent is off.`];
  if (own.length > 0) lines.push(`It has ${counted(own.length, 'file')} in continuous operation:`);
  lines.push(...indented(own));
  if (isGone || (!isOn && own.length > 0)) lines.push('butil -backup-agent stop takes them out.');
  if (others.length > 0) lines.push('Put in by others:', ...indented(others));
  lines.push(...describeLeftOut(leftOut));
  return withLeftOut(done(lines.join('\n'), report), leftOut);
}

function indented(files: readonly string[]): string[] {
  return files.map((file) => `  ${file}`);
}

function describeBegin({ files, others, scope }: BackupAgentReport, isDry: boolean): string[] {
  const count = counted(files.length, 'file');
  const later = scope === 'open' ? '; files that are opened from now on go in as well' : '';
  return [
    isDry
      ? `${count} would go into continuous operation.`
      : `${count} in continuous operation${later}.`,
    ...indented(files),
    ...(others.length === 0 ? [] : ['In already by others, and left in:', ...indented(others)]),
  ];
}

function describeEnd({ files }: BackupAgentEnd): string[] {
  if (files.length === 0) return ['The backup agent had no file in continuous operation.'];
  return files.map(
    ({ file, deltaBytes }) => `${file}: its delta was rolled in (${grouped(deltaBytes)} bytes)`,
  );
}

function describeLeftOut(files: readonly LeftOutFile[], what = 'Left out'): string[] {
  return files.map(({ file, status: number, message: text }) =>
    message(MESSAGE.LEFT_OUT, `${what}: ${file} (status ${number}: ${text}).`),
  );
}

function withLeftOut(outcome: Outcome, leftOut: readonly LeftOutFile[]): Outcome {
  if (leftOut.length === 0 || outcome.exitCode !== EXIT.DONE) return outcome;
  return {
    ...outcome,
    exitCode: EXIT.FINDINGS,
    reason: 'left-out',
    status: leftOut[0]?.status ?? 0,
  };
}

function stillIn(outcome: Outcome, failed: readonly LeftOutFile[]): Outcome {
  if (failed.length === 0) return outcome;
  const { status: number = 0 } = failed[0] ?? {};
  return { ...outcome, exitCode: EXIT.NOT_DONE, reason: 'still-in', status: number };
}

/** One backup, from the first command to the last. */
class Run {
  readonly #session: Session;
  readonly #files: Paths;
  readonly #lines: string[] = [];
  readonly #warnings: string[] = [];
  #root = '';
  /** By whom the agent was told to end. */
  #signal: InterruptSignal | undefined;
  #tellProgram: ((signal: InterruptSignal) => void) | undefined;

  constructor(session: Session, files: Paths) {
    this.#session = session;
    this.#files = files;
  }

  async execute(): Promise<Outcome> {
    const session = this.#session;
    if (session.dryRun) return this.#plan();
    const stopListening = session.console.onInterrupt?.((signal) => {
      this.#signal ??= signal ?? 'SIGINT';
      this.#tellProgram?.(this.#signal);
    });
    try {
      const refusal = await this.#hook('before', {});
      if (refusal !== undefined) return refusal;
      this.#warnings.push(...(await endStale(session, this.#files)));
      return await this.#whileIn();
    } finally {
      stopListening?.();
    }
  }

  async #plan(): Promise<Outcome> {
    const report = await begin(this.#session, this.#files);
    const text = [...describeBegin(report, true), ...describeLeftOut(report.leftOut)];
    text.push(`Then: ${this.#session.programLine.join(' ')}`);
    return withLeftOut(done(text.join('\n'), report), report.leftOut);
  }

  async #whileIn(): Promise<Outcome> {
    const session = this.#session;
    const report = await begin(session, this.#files, process.pid);
    this.#root = report.root;
    let program: ProgramEnd;
    let lists: BackupLists | undefined;
    try {
      session.release(report.root);
      lists = new BackupLists(report);
      program = await this.#program(lists);
    } catch (error) {
      // Whatever it is, the files are to come out.
      if (!(error instanceof Error)) throw error;
      const why = `The program was not run: ${error.message}.`;
      program = { code: EXIT.NOT_DONE, why, isStarted: false };
    } finally {
      lists?.remove();
    }
    this.#lines.push(...describeBegin(report, false), ...describeLeftOut(report.leftOut));
    this.#lines.push(program.why);
    return this.#takeOut(report, program);
  }

  #program(lists: BackupLists): Promise<ProgramEnd> {
    const { isJson, programLine } = this.#session;
    if (this.#signal !== undefined) {
      const why = `The program was not run: the agent was told to end (${this.#signal}).`;
      return Promise.resolve({ code: EXIT.NOT_DONE, why, isStarted: false });
    }
    return runProgram(programLine, lists.environment, isJson, (tell) => (this.#tellProgram = tell));
  }

  async #takeOut(report: BackupAgentReport, program: ProgramEnd): Promise<Outcome> {
    const { code } = program;
    let ended: BackupAgentEnd | undefined;
    let failure: Outcome | undefined;
    try {
      ended = await end(this.#session, this.#files);
    } catch (error) {
      failure = await outcomeOf(error, this.#session.isVerbose, this.#session.command);
      if (failure === undefined) throw error;
    }
    const failed = ended?.failed ?? [];
    this.#lines.push(...(ended === undefined ? [] : describeEnd(ended)));
    this.#lines.push(...describeLeftOut(failed, 'Still in'));
    const after = await this.#hook('after', { ISAMITE_BACKUP_EXIT: String(code) });
    const all = { ...report, files: ended?.files ?? report.files, failed, exitCode: code };
    if (failure !== undefined) return this.#outcome(failure, all, 'Files are still in:');
    const outcome = this.#byProgram(program, report.leftOut, after !== undefined);
    return this.#outcome(stillIn(outcome, failed), all);
  }

  #byProgram(
    { code, isStarted }: ProgramEnd,
    leftOut: readonly LeftOutFile[],
    isAfterBad: boolean,
  ) {
    const outcome: Outcome = { ...done('', {}), exitCode: code };
    if (!isStarted) return { ...outcome, reason: 'not-run' };
    if (code !== EXIT.DONE) return { ...outcome, reason: 'program' };
    if (isAfterBad) return { ...outcome, exitCode: EXIT.FINDINGS, reason: 'after' };
    return withLeftOut(outcome, leftOut);
  }

  #outcome(outcome: Outcome, result: object, ...more: string[]): Outcome {
    const help = 'butil -backup-agent stop takes out what is still in.';
    const lines = [...this.#lines, ...(outcome.text === '' ? [] : [...more, outcome.text])];
    if (outcome.reason === 'still-in' || more.length > 0) lines.push(help);
    return { ...outcome, result, text: lines.join('\n'), warnings: this.#warnings };
  }

  /** An outcome if it has failed. */
  async #hook(
    name: 'before' | 'after',
    more: Record<string, string>,
  ): Promise<Outcome | undefined> {
    const { isJson } = this.#session;
    const line = this.#session.value(name);
    if (line === undefined) return undefined;
    const environment = { ...more, ...(this.#root === '' ? {} : { ISAMITE_ROOT: this.#root }) };
    const { code, why } = await runShell(
      line,
      environment,
      isJson,
      (tell) => (this.#tellProgram = tell),
    );
    if (code === EXIT.DONE) return undefined;
    const text = message(MESSAGE.SYSTEM, `--${name}: ${why}`);
    this.#lines.push(text);
    const shown = name === 'before' ? `${text}\nNo file was put in.` : text;
    return { exitCode: EXIT.NOT_DONE, reason: name, result: { exitCode: code }, text: shown };
  }
}
