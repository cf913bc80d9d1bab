/** Programs that the backup agent runs, and the lists of files that they find. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BackupAgentReport } from '../src/index.js';
import type { InterruptSignal } from './console.js';

/** How a program has ended. */
export interface ProgramEnd {
  /** Its exit code; 128 and the number of the signal that has ended it; 2 if it could not be started. */
  readonly code: number;
  /** In words. */
  readonly why: string;
  readonly isStarted: boolean;
}

/** Given a way to hand a signal on. */
type Reach = (tell: ((signal: InterruptSignal) => void) | undefined) => void;

/** Text files with the names of files, one a line, in a directory of this user alone. */
export class BackupLists {
  readonly #directory: string;
  readonly environment: Readonly<Record<string, string>>;

  constructor({ files, others, leftOut, root }: BackupAgentReport) {
    this.#directory = mkdtempSync(join(tmpdir(), 'isamite-backup-'));
    this.environment = {
      ISAMITE_ROOT: root,
      ISAMITE_BACKUP_LIST: this.#write('files.lst', [...files, ...others]),
      ISAMITE_BACKUP_LEFT_OUT: this.#write(
        'left-out.lst',
        leftOut.map(({ file }) => file),
      ),
    };
  }

  #write(name: string, files: readonly string[]): string {
    const path = join(this.#directory, name);
    writeFileSync(path, files.map((file) => `${file}\n`).join(''), { mode: 0o600 });
    return path;
  }

  remove(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** Runs a program to its end. With `isQuiet` what it prints goes to standard error. Never rejects. */
export function runProgram(
  words: readonly string[],
  environment: Readonly<Record<string, string>>,
  isQuiet: boolean,
  reach: Reach,
): Promise<ProgramEnd> {
  const [file = '', ...args] = words;
  return ended(file, isQuiet, reach, (stdio) =>
    spawn(file, args, { stdio, env: { ...process.env, ...environment } }),
  );
}

/** The same with a line for the shell. */
export function runShell(
  line: string,
  environment: Readonly<Record<string, string>>,
  isQuiet: boolean,
  reach: Reach,
): Promise<ProgramEnd> {
  return ended(line, isQuiet, reach, (stdio) =>
    spawn(line, { stdio, shell: true, env: { ...process.env, ...environment } }),
  );
}

type Stdio = ['inherit', 'inherit' | 2, 'inherit'];

function ended(
  name: string,
  isQuiet: boolean,
  reach: Reach,
  begin: (stdio: Stdio) => ChildProcess,
): Promise<ProgramEnd> {
  return new Promise((resolve) => {
    const end = (code: number, why: string, isStarted = true): void => {
      reach(undefined);
      resolve({ code, why, isStarted });
    };
    try {
      const child = begin(['inherit', isQuiet ? 2 : 'inherit', 'inherit']);
      child.once('error', (error) => end(2, `${name} could not be run: ${error.message}.`, false));
      child.once('exit', (code, signal) => {
        if (signal === null) end(code ?? 2, `${name} has ended with exit code ${code ?? 2}.`);
        else end(128 + constants.signals[signal], `${name} was ended by ${signal}.`);
      });
      reach((signal) => void child.kill(signal));
    } catch (error) {
      // Words that no program can have, for instance with a zero byte.
      end(2, `${name} could not be run: ${(error as Error).message}.`, false);
    }
  });
}
