/**
 * Who has a root or a file that a command does not get, as far as that is known: for messages only.
 *
 * An engine that serves others says which process it is; of one that does not, the event log has the last start.
 */
import { BtrieveError, engineOfFile, findEngine, readRootEvents } from '../src/index.js';

export interface Holder {
  readonly root: string;
  /** Undefined if nothing says so. */
  readonly pid?: number;
}

/** The engine of a root that is held. */
export function holderOfRoot(root: string): Holder {
  const pid = findEngine(root)?.pid ?? pidOfLastStart(root);
  return { root, ...(pid !== undefined && { pid }) };
}

/** The engine that has a file open; undefined if the file does not say whose that is. */
export function holderOfFile(path: string): Holder | undefined {
  const root = engineOfFile(path);
  return root === undefined ? undefined : holderOfRoot(root);
}

/** For instance `It is held by process 12, with the engine root /data/engine.` */
export function holderText({ root, pid }: Holder): string {
  const who = pid === undefined ? 'by a process that is not known' : `by process ${pid}`;
  return `It is held ${who}, with the engine root ${root}.`;
}

function pidOfLastStart(root: string): number | undefined {
  try {
    const { events } = readRootEvents({ root });
    const last = events.findLast(({ id }) => id === 'engine-started' || id === 'engine-stopped');
    return last?.id === 'engine-started' && isAlive(last.pid) ? last.pid : undefined;
  } catch (error) {
    // Nobody is to be told of a log that is only looked into for the sake of another message.
    if (error instanceof BtrieveError) return undefined;
    throw error;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
