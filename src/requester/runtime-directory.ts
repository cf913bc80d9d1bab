/**
 * Where the requester of a root is to be found.
 *
 *     root/run/engine.sock   the socket; a named pipe on Windows
 *     root/run/direct.sock   the direct way of clients that have come in there
 *     root/run/engine.json   which process it is, and the path of the socket
 *
 * The path of a socket is short on every system. Where the root's is too long, the socket lies in a
 * directory of the user: `ISAMITE_RUNTIME_DIR`, else `isamite` in `XDG_RUNTIME_DIR`, else
 * `isamite-<user id>` in the system's directory for temporary files.
 */
import { createHash } from 'node:crypto';
import { tmpdir, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { DiskError, readFully } from '../microkernel/disk-error.js';
import type { FileSystem } from '../microkernel/ports.js';
import { isRecord } from './protocol.js';

/** Where a requester listens. */
export interface RequesterPlace {
  /** Path of the socket, or name of the pipe. */
  readonly socket: string;
  /** Where it is made before it gets that name; empty for a pipe. */
  readonly first: string;
  /** The same of the direct way. */
  readonly direct: string;
  /** The file that says where it is, and whose. */
  readonly record: string;
  /** To be made, and proved to be the user's alone; empty if the socket lies in the root. */
  readonly directory: string;
}

/** Bytes of the path of a socket; macOS has room for 103. */
const PATH_LIMIT = 96;

let sockets = 0;

/** Of an engine that is about to start. */
export function requesterPlace(root: string): RequesterPlace {
  const record = recordOf(root);
  const hash = createHash('sha256').update(root).digest('hex').slice(0, 32);
  if (process.platform === 'win32') {
    const socket = `\\\\.\\pipe\\isamite-${hash}`;
    return { socket, first: '', direct: `${socket}-direct`, record, directory: '' };
  }
  const own = join(root, 'run', 'engine.sock');
  const isShort = Buffer.byteLength(own) <= PATH_LIMIT;
  const directory = isShort ? '' : runtimeDirectory();
  const socket = isShort ? own : join(directory, `${hash.slice(0, 16)}.sock`);
  const direct = isShort
    ? join(root, 'run', 'direct.sock')
    : join(directory, `${hash.slice(0, 16)}.near`);
  const first = join(dirname(socket), `.${process.pid.toString(36)}-${++sockets}`);
  return { socket, first, direct, record, directory };
}

function recordOf(root: string): string {
  return join(root, 'run', 'engine.json');
}

function runtimeDirectory(): string {
  const own = process.env['ISAMITE_RUNTIME_DIR'];
  if (own !== undefined && own !== '') return own;
  const users = process.env['XDG_RUNTIME_DIR'];
  if (users !== undefined && users !== '') return join(users, 'isamite');
  return join(tmpdir(), `isamite-${userInfo().uid}`);
}

/** What is known of the engine of a root. */
export interface EngineRecord {
  readonly pid: number;
  readonly socket: string;
}

const RECORD_LIMIT = 4096;

/** Undefined if there is none, or what is there makes no sense. */
export function readEngineRecord(files: FileSystem, root: string): EngineRecord | undefined {
  const text = readText(files, recordOf(root));
  try {
    const value: unknown = JSON.parse(text);
    if (!isRecord(value)) return undefined;
    const { pid, socket } = value;
    return typeof pid === 'number' && typeof socket === 'string' ? { pid, socket } : undefined;
  } catch {
    return undefined;
  }
}

function readText(files: FileSystem, path: string): string {
  try {
    const handle = files.open(path, 'read');
    try {
      const bytes = new Uint8Array(RECORD_LIMIT);
      const count = readFully(handle, bytes, 0, bytes.length, 0);
      return new TextDecoder().decode(bytes.subarray(0, count));
    } finally {
      handle.close();
    }
  } catch (error) {
    if (error instanceof DiskError) return '';
    throw error;
  }
}
