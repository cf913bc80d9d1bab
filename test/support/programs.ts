/** Processes that a test starts, and ends whatever happens. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { compiledPath, compilePrograms, ROOT } from './compiled-tree.js';

let directory: string | undefined;

afterAll(() => {
  if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
});

/** Where a program of this project is as JavaScript, until the tests of the file are over. */
export function compiled(source: string): string {
  if (directory === undefined) {
    directory = mkdtempSync(join(tmpdir(), 'isamite-programs-'));
    compilePrograms(join(directory, 'tree'));
  }
  return compiledPath(join(directory, 'tree'), source);
}

export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export class Programs {
  readonly #running = new Set<ChildProcess>();

  /** Runs a source to its end. */
  run(source: string, ...words: string[]): Promise<Ended> {
    return this.#outcome(this.#spawn(source, words));
  }

  /** Starts a source; settles when it has written something. */
  async begin(
    source: string,
    ...words: string[]
  ): Promise<{ child: ChildProcess; ended: Promise<Ended> }> {
    const child = this.#spawn(source, words);
    const ended = this.#outcome(child);
    await Promise.race([
      new Promise((resolve) => child.stdout?.once('data', resolve)),
      ended.then(({ err }) => {
        throw new Error(`${source} has ended: ${err}`);
      }),
    ]);
    return { child, ended };
  }

  end(): void {
    for (const child of this.#running) child.kill('SIGKILL');
  }

  #spawn(source: string, words: readonly string[]): ChildProcess {
    const child = spawn(process.execPath, [compiled(source), ...words], { cwd: ROOT });
    this.#running.add(child);
    return child;
  }

  #outcome(child: ChildProcess): Promise<Ended> {
    let [out, err] = ['', ''];
    child.stdout?.on('data', (bytes: Buffer) => (out += bytes.toString()));
    child.stderr?.on('data', (bytes: Buffer) => (err += bytes.toString()));
    return new Promise((resolve) =>
      child.once('close', (code) => {
        this.#running.delete(child);
        resolve({ code, out, err });
      }),
    );
  }
}
