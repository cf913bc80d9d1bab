/**
 * The engine of one root directory: it builds the parts and wires them.
 *
 * Owns: the lock on the root, the clients, the cache, the files that are open, and the timer by which
 * changes get to the disk while nothing else happens.
 *
 * Invariants:
 * - One engine at a time has a root; the lock is the system's, so a process that dies lets go of it.
 * - A script that ends without `stop` is stopped by a hook on its exit.
 */
import { join, resolve } from 'node:path';
import { Client } from './client.js';
import { ClassicClient } from './microkernel/clients/client.js';
import { FileTable } from './microkernel/files/file-table.js';
import { PageCache } from './microkernel/page-cache.js';
import { closeQuietly, fileError } from './microkernel/page-device.js';
import { nodePorts } from './microkernel/node-ports.js';
import { readFully, writeFully } from './microkernel/disk-error.js';
import type { FileHandle, FileSystem, Ports } from './microkernel/ports.js';
import { BtrieveError, Status } from './microkernel/status.js';
import { completeSettings, type Settings } from './settings.js';

export interface EngineOptions {
  /** Directory of the engine; made if it is not there. */
  readonly root: string;
  readonly settings?: Partial<Settings>;
  /** The world outside; the real one if not given. */
  readonly ports?: Ports;
}

/** What an engine is doing. */
export interface EngineStatistics {
  readonly clients: number;
  readonly files: readonly {
    readonly path: string;
    readonly opens: number;
    readonly records: number;
    readonly dirtyPages: number;
    readonly unflushedOperations: number;
  }[];
  /** Bytes of memory taken for pages, and the bound. */
  readonly cache: { readonly inUse: number; readonly size: number };
}

const IDLE_INTERVAL_MS = 100;
/** Engines of this process that run; one hook on its exit stops them all. */
const running = new Set<MicroKernel>();

function stopAll(): void {
  for (const engine of running) engine.stopQuietly();
}

const DIRECTORIES = ['etc', 'log', 'run'];

export class MicroKernel {
  readonly root: string;
  readonly settings: Settings;
  readonly #ports: Ports;
  readonly #lock: FileHandle;
  readonly #cache: PageCache;
  readonly #files: FileTable;
  readonly #clients = new Set<Client>();
  readonly #timer: NodeJS.Timeout;
  #isStopped = false;

  /**
   * Starts an engine. Throws 85 if another one has the root, 160 for a setting that is none, 20 if
   * the system's locks cannot be had.
   */
  static start(options: EngineOptions): MicroKernel {
    const settings = completeSettings(options.settings);
    const root = resolve(options.root);
    const ports = options.ports ?? nodePorts({ eventLogPath: join(root, 'event.log') });
    try {
      for (const name of DIRECTORIES) ports.files.makeDirectory(join(root, name));
      return new MicroKernel(root, settings, ports, lockRoot(ports.files, root));
    } catch (error) {
      throw fileError('the engine cannot be started', error, root);
    }
  }

  private constructor(root: string, settings: Settings, ports: Ports, lock: FileHandle) {
    this.root = root;
    this.settings = settings;
    this.#ports = ports;
    this.#lock = lock;
    this.#cache = new PageCache({ size: settings.cacheAllocationSize });
    const log = new Uint8Array(16);
    ports.random.fill(log);
    const { operationBundleLimit, initiationTimeLimitMs, fileGrowthFactor } = settings;
    this.#files = new FileTable({
      ports,
      cache: this.#cache,
      holder: { log, session: 1, root },
      rootKey: () => rootKey(ports, root),
      settings: { operationBundleLimit, initiationTimeLimitMs, fileGrowthFactor },
    });
    this.#timer = setInterval(() => this.#idle(), IDLE_INTERVAL_MS);
    this.#timer.unref();
    if (running.size === 0) process.on('exit', stopAll);
    running.add(this);
    this.#tell('engine-started', `The engine of ${root} was started.`);
  }

  /** A client of this engine: what it opens, and where it stands, is its own. */
  client(options: { readonly name?: string } = {}): Client {
    if (this.#isStopped) {
      throw new BtrieveError(Status.RECORD_MANAGER_INACTIVE, 'the engine was stopped');
    }
    const classic = new ClassicClient({
      name: options.name ?? `client ${this.#clients.size + 1}`,
      files: this.#files,
      isWindows: process.platform === 'win32',
      directory: process.cwd(),
      refusal: () => (this.#isStopped ? Status.RECORD_MANAGER_INACTIVE : Status.NO_ERROR),
    });
    const client = new Client(classic, this.#files, (each) => this.#clients.delete(each));
    this.#clients.add(client);
    return client;
  }

  statistics(): EngineStatistics {
    return {
      clients: this.#clients.size,
      files: this.#files.files.map((file) => ({
        path: file.pages.path,
        opens: this.#files.opensOf(file),
        records: file.data.recordCount,
        dirtyPages: file.pages.statistics.dirtyPages,
        unflushedOperations: file.pages.statistics.unflushedOperations,
      })),
      cache: { inUse: this.#cache.memoryInUse, size: this.#cache.size },
    };
  }

  /**
   * Closes what the clients have open, so that everything is on disk, and lets go of the root. Throws
   * the first failure when all has been tried.
   */
  stop(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    clearInterval(this.#timer);
    running.delete(this);
    if (running.size === 0) process.off('exit', stopAll);
    const failures: unknown[] = [];
    for (const client of this.#clients) {
      try {
        client.reset();
      } catch (error) {
        failures.push(error);
      }
    }
    this.#clients.clear();
    this.#files.abandonAll();
    this.#tell('engine-stopped', `The engine of ${this.root} was stopped.`);
    closeQuietly(this.#lock);
    if (failures.length > 0) throw failures[0];
  }

  /** Stops, and tells nobody but the event log what went wrong. */
  stopQuietly(): void {
    try {
      this.stop();
    } catch (error) {
      const text = `Stopping failed: ${error instanceof Error ? error.message : String(error)}`;
      this.#ports.events.write({ severity: 'E', id: 'engine-stop-failed', fields: {}, text });
    }
  }

  #idle(): void {
    for (const file of this.#files.files) file.pages.idle();
  }

  #tell(id: string, text: string): void {
    this.#ports.events.write({ severity: 'I', id, fields: { root: this.root }, text });
  }
}

const ROOT_KEY_SIZE = 32;

/** The key in `etc/engine.key`, made when it is first needed. */
function rootKey({ files, random }: Ports, root: string): Uint8Array {
  const path = join(root, 'etc', 'engine.key');
  const key = new Uint8Array(ROOT_KEY_SIZE);
  const isThere = files.exists(path);
  const fresh = `${path}.new`;
  // What a crash left half made is no key that anything was wrapped with.
  if (!isThere && files.exists(fresh)) files.remove(fresh);
  const handle = files.open(isThere ? path : fresh, isThere ? 'read' : 'create');
  try {
    if (isThere) {
      if (readFully(handle, key, 0, key.length, 0) === key.length) return key;
      const message = 'the key of the engine is cut short; put back a copy of it';
      throw new BtrieveError(Status.IO_ERROR, message, { reason: 'engine-key', file: path });
    }
    random.fill(key);
    writeFully(handle, key, 0, key.length, 0);
    handle.sync();
    files.rename(fresh, path);
    files.syncDirectory(join(root, 'etc'));
    return key;
  } catch (error) {
    throw fileError('the key of the engine cannot be read or made', error, path);
  } finally {
    closeQuietly(handle);
  }
}

/** The lock of a root, which nobody else gets as long as it is held. */
function lockRoot(files: FileSystem, root: string): FileHandle {
  const path = join(root, 'run', 'engine.lock');
  const handle = files.open(path, files.exists(path) ? 'write' : 'create');
  if (handle.tryLock('exclusive')) return handle;
  closeQuietly(handle);
  throw new BtrieveError(Status.FILE_INUSE, 'another engine has this root', {
    reason: 'root-held',
    file: root,
  });
}
