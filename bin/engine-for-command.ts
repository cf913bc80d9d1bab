/**
 * Which engine a command works with: one of its own, for as long as the command takes, at the root
 * that `--root`, `ISAMITE_ROOT` or `ACTIANZEN_ROOT` names, else at one that each user has.
 */
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Client, MicroKernel, RemoteClient } from '../src/index.js';
import type { Console } from './console.js';

export interface RootChoice {
  readonly root: string;
  /** Where that comes from, for messages. */
  readonly source: '--root' | 'ISAMITE_ROOT' | 'ACTIANZEN_ROOT' | 'default';
}

export function chooseRoot(given: string | undefined, console: Console): RootChoice {
  if (given !== undefined) return { root: given, source: '--root' };
  const { environment = {} } = console;
  for (const source of ['ISAMITE_ROOT', 'ACTIANZEN_ROOT'] as const) {
    const root = environment[source];
    if (root !== undefined && root !== '') return { root, source };
  }
  return { root: defaultRoot(console.platform, environment), source: 'default' };
}

function defaultRoot(
  platform: string,
  environment: Readonly<Record<string, string | undefined>>,
): string {
  const home = homedir();
  if (platform === 'win32') {
    return join(environment['LOCALAPPDATA'] ?? join(home, 'AppData', 'Local'), 'isamite');
  }
  if (platform === 'darwin') return join(home, 'Library', 'Application Support', 'isamite');
  const data = environment['XDG_DATA_HOME'];
  return join(data === undefined || data === '' ? join(home, '.local', 'share') : data, 'isamite');
}

/** Another process has the engine root of the command, and kept it for all the time that was waited. */
export class RootInUse extends Error {
  readonly choice: RootChoice;

  constructor(choice: RootChoice) {
    super(`another process has the engine root ${choice.root} (from ${choice.source})`);
    this.choice = choice;
  }
}

export interface EngineOptions {
  readonly root?: string | undefined;
  /** Where `root` comes from, if not from `--root`. */
  readonly source?: RootChoice['source'] | undefined;
  /** Seconds to wait for a root that another process has. */
  readonly wait: number;
}

/** It ends with the command: nobody is to find it. */
const OWN = { requester: false };

/**
 * A client of the engine that runs already: where one of the files says that it is open, or at the root of the
 * command. Undefined if there is none that serves others. Throws 3106 naming the process and the file if it does
 * not answer.
 */
export async function reachEngine(
  options: EngineOptions,
  paths: readonly string[],
  console: Console,
): Promise<{ client: RemoteClient; root: string } | undefined> {
  const { BtrieveError, connect, engineOfFile, findEngine } = await import('../src/index.js');
  const own = chooseRoot(options.root, console).root;
  const held = paths.map((path) => ({ file: path, root: engineOfFile(path) }));
  // Whoever has a file is the only one who can open it, also where the command's root has an engine.
  const places = [...held, { file: paths[0], root: own }];
  const place = places.find((each) => each.root !== undefined && findEngine(each.root));
  if (place?.root === undefined) return undefined;
  const { file, root } = place;
  try {
    const timeoutMs = Math.max(1, options.wait * 1000);
    return { client: await connect({ root, name: 'butil', timeoutMs }), root };
  } catch (error) {
    if (!(error instanceof BtrieveError) || error.reason === 'no-engine') return undefined;
    const { status, reason = 'unanswered' } = error;
    const pid = findEngine(root)?.pid ?? 0;
    const message = `the engine of ${root}, in process ${pid}, has not answered in time`;
    throw new BtrieveError(status, message, { reason, file: file ?? root });
  }
}

/** So often, in milliseconds, a root in use is tried again. */
const RETRY = 50;

/** An engine for one command; `stop` ends it. Throws `RootInUse`, and what starting an engine throws. */
export async function startEngine(
  options: EngineOptions,
  console: Console,
): Promise<{ engine: MicroKernel; client: Client }> {
  const { BtrieveError, MicroKernel } = await import('../src/index.js');
  const chosen = chooseRoot(options.root, console);
  const choice = { ...chosen, source: options.source ?? chosen.source };
  const until = Date.now() + options.wait * 1000;
  for (let isTold = false; ;) {
    try {
      const engine = MicroKernel.start({ root: choice.root, settings: OWN });
      return { engine, client: engine.client({ name: 'butil' }) };
    } catch (error) {
      const isHeld = error instanceof BtrieveError && error.reason === 'root-held';
      if (!isHeld) throw error;
      if (Date.now() >= until) throw new RootInUse(choice);
      if (!isTold) console.err(`Waiting for the engine root ${choice.root}, which is in use …`);
      isTold = true;
      await new Promise((resolve) => setTimeout(resolve, RETRY));
    }
  }
}

/** What an engine that has ended its connections takes to let go of its root, in milliseconds, at the most. */
const LETTING_GO = 10_000;

/** Settles when the engine of a root that was told to stop has let go of it, so that another one can start. */
export async function rootLetGo(root: string): Promise<void> {
  const { isEngineRunning } = await import('../src/index.js');
  const until = Date.now() + LETTING_GO;
  while (isEngineRunning({ root }) && Date.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, RETRY / 10));
  }
}
