/** Finds the engine of a root, in whichever process it runs, and becomes a client of it. */
import { join, resolve } from 'node:path';
import { findElsewhere } from '../contops/frozen-mark.js';
import { lookAtFile } from '../logging/file-standing.js';
import { isLocked } from '../logging/os-lock.js';
import { deltaPathOf, placeOfFile, readDeltaHeader } from '../microkernel/continuous/delta-file.js';
import { DiskError } from '../microkernel/disk-error.js';
import { nodePorts } from '../microkernel/node-ports.js';
import type { FileSystem } from '../microkernel/ports.js';
import { BtrieveError, Status } from '../microkernel/status.js';
import { Connection, unanswered, type TcpAddress } from './connection.js';
import { RemoteClient } from './remote-client.js';
import { readEngineRecord } from './runtime-directory.js';

/** Which engine is meant, and how long it may take to answer. */
export interface ConnectOptions {
  /** Directory of the engine. */
  readonly root?: string;
  /** An engine that listens for other machines, in place of a root of this one. */
  readonly tcp?: TcpAddress;
  /** For events and messages. */
  readonly name?: string;
  /** Milliseconds that the engine has to answer. Default: 10,000. */
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 10_000;
/** An engine that has just begun is asked again so often, in milliseconds. */
const RETRY_MS = 10;

/**
 * A client of the engine that runs on a root.
 *
 * Throws 20 with the reason `no-engine` if none does, 3106 with the reason `unanswered` if it does not
 * answer in time, naming its process, and with `not-served` if it has its requester switched off.
 *
 * @example
 * ```ts
 * const remote = await connect({ root: engine.root });
 * const file = await remote.openFile('orders.btr', Order);
 * console.log((await file.get('byId', 1))?.name); // Ada
 * await remote.close();
 * ```
 */
export async function connect(options: ConnectOptions): Promise<RemoteClient> {
  const { name = `process ${process.pid}`, timeoutMs = TIMEOUT_MS, tcp } = options;
  const until = performance.now() + timeoutMs;
  const connection =
    tcp === undefined
      ? await reach(resolve(options.root ?? ''), until)
      : await Connection.open(tcp, timeoutMs);
  try {
    const left = Math.max(1, until - performance.now());
    return await RemoteClient.begin(connection, name, timeoutMs, left);
  } catch (error) {
    connection.close();
    throw error;
  }
}

/** The process that runs the engine of a root and serves others; undefined if there is none. */
export function findEngine(root: string): { readonly pid: number } | undefined {
  const { files } = nodePorts({ worker: 'never' });
  const record = readEngineRecord(files, resolve(root));
  const isThere = record !== undefined && isHeld(files, resolve(root)) && isAlive(record.pid);
  return isThere ? { pid: record.pid } : undefined;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/**
 * The root of the engine that has a data file open, as the file itself says since it was first changed, or
 * its delta while it is in continuous operation.
 * Undefined if it says nothing, or cannot be looked at: whoever opens it finds out why.
 */
export function engineOfFile(path: string): string | undefined {
  try {
    const { files } = nodePorts({ worker: 'never' });
    const control = lookAtFile(files, resolve(path));
    const { holder, frozenBy } = control;
    if (holder !== undefined && holder.root !== '') return holder.root;
    const byDelta = engineOfDelta(deltaPathOf(placeOfFile(files, resolve(path))));
    const identity = byDelta === undefined ? files.identify(resolve(path)) : undefined;
    if (identity === undefined) return byDelta;
    return findElsewhere(files, identity, control) === undefined ? undefined : frozenBy;
  } catch (error) {
    if (error instanceof BtrieveError || error instanceof DiskError) return undefined;
    throw error;
  }
}

/** A frozen file is as after a clean close: its delta says who has put it into continuous operation. */
function engineOfDelta(delta: string): string | undefined {
  const { files } = nodePorts({ worker: 'never' });
  if (!files.exists(delta)) return undefined;
  const handle = files.open(delta, 'read');
  try {
    const header = readDeltaHeader(handle);
    return typeof header === 'string' || header.root === '' ? undefined : header.root;
  } finally {
    handle.close();
  }
}

async function reach(root: string, until: number): Promise<Connection> {
  const { files } = nodePorts({ worker: 'never' });
  const begun = performance.now();
  for (let pid = 0; ;) {
    const record = readEngineRecord(files, root);
    pid = record?.pid ?? pid;
    const left = until - performance.now();
    if (record !== undefined && left > 0) {
      try {
        return await Connection.open(record.socket, left);
      } catch (error) {
        if (!(error instanceof BtrieveError)) throw error;
        // Nobody listens there: it has died, or is about to begin.
      }
    }
    if (!isHeld(files, root)) throw noEngine(root);
    if (performance.now() >= until) {
      throw pid === 0 ? notServed(root) : unanswered(pid, Math.round(until - begun));
    }
    await new Promise((done) => setTimeout(done, RETRY_MS));
  }
}

function isHeld(files: FileSystem, root: string): boolean {
  return isLocked(files, join(root, 'run', 'engine.lock'));
}

function noEngine(root: string): BtrieveError {
  const message = 'no engine runs on this root';
  const details = { reason: 'no-engine', file: root };
  return new BtrieveError(Status.RECORD_MANAGER_INACTIVE, message, details);
}

function notServed(root: string): BtrieveError {
  const message = 'the engine of this root serves no clients in other processes';
  const details = { reason: 'not-served', file: root };
  return new BtrieveError(Status.NL_CONNECTION_FAILURE, message, details);
}
