/** Processes that try one tree after the other; one that never ends, or has had many, is replaced. */
import { fork, type ChildProcess } from 'node:child_process';
import type { Conclusion, WorkerOrder, WorkerReport } from './trial.js';

/** A trial takes a second or so. One that takes this long never ends. */
const TIME_LIMIT_MS = 60_000;
const PROCESSES = 2;
/** A process keeps all modules that it has ever imported. */
const TREES = 25;

export interface Outcome extends Conclusion {
  /** The last one that was begun. */
  readonly trial: string;
}

interface Worker {
  readonly process: ChildProcess;
  trees: number;
}

export class Workers {
  readonly #program: string;
  readonly #waiting: ((worker: Worker) => void)[] = [];
  readonly #free: Worker[] = [];
  #count = 0;

  /** `program`: `worker.ts`, compiled. */
  constructor(program: string) {
    this.#program = program;
  }

  async examine(order: WorkerOrder): Promise<Outcome> {
    const worker = await this.#take();
    let [trial, errors] = ['', ''];
    const conclusion = await new Promise<Conclusion>((resolve) => {
      const { process } = worker;
      const end = (outcome: Conclusion): void => {
        clearTimeout(limit);
        process.removeAllListeners();
        process.stderr?.removeAllListeners('data').resume();
        resolve(outcome);
      };
      const limit = setTimeout(() => {
        const seconds = TIME_LIMIT_MS / 1000;
        end({ kind: 'hang', states: 0, how: `nothing came of it in ${seconds} s`, seconds });
        process.kill('SIGKILL');
      }, TIME_LIMIT_MS);
      process.stderr?.on('data', (chunk: Buffer) => (errors += chunk.toString()));
      process.on('message', (message: WorkerReport) => {
        if (message.kind !== 'begins') {
          end(message);
          return;
        }
        trial = message.trial;
        limit.refresh();
      });
      process.on('close', () => {
        end({ kind: 'broken', states: 0, how: `the process has ended: ${errors}`, seconds: 0 });
      });
      process.send(order);
    });
    this.#give(worker);
    return { ...conclusion, trial };
  }

  stop(): void {
    for (const { process } of this.#free) process.kill();
  }

  #take(): Promise<Worker> {
    const free = this.#free.pop();
    if (free !== undefined) return Promise.resolve(free);
    if (this.#count >= PROCESSES) return new Promise((resolve) => this.#waiting.push(resolve));
    this.#count++;
    return Promise.resolve(this.#start());
  }

  #start(): Worker {
    // Plain JavaScript: what the tests themselves were started with is not for it.
    const stdio = ['ignore', 'ignore', 'pipe', 'ipc'] as const;
    return { process: fork(this.#program, [], { execArgv: [], stdio: [...stdio] }), trees: 0 };
  }

  #give(used: Worker): void {
    const worker = this.#canGoOn(used) ? used : this.#start();
    const next = this.#waiting.shift();
    if (next === undefined) this.#free.push(worker);
    else next(worker);
  }

  #canGoOn(worker: Worker): boolean {
    const { process } = worker;
    worker.trees++;
    if (worker.trees >= TREES) process.kill();
    return process.connected && !process.killed;
  }
}
