/**
 * The disk as Node gives it: the only door to `node:fs` and `fs-ext`, together with the thread in
 * `io-worker.js` that carries out what was begun.
 *
 * Invariants: every failure leaves as a `DiskError`; nothing here waits for a thread to start, or
 * needs the caller to yield; a descriptor is closed only when nothing begun on it is outstanding;
 * what was begun on one handle is carried out in the order begun, and after a failure of it nothing
 * more is. Until the worker has announced itself in shared memory, and for ever if it cannot start
 * or dies, work is carried out where it is begun. What is called and what is begun on one handle
 * are not ordered against each other.
 */
import fs from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { getSystemErrorName, types } from 'node:util';
import { MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads';
import type { MessagePort } from 'node:worker_threads';
import { assert, present } from './assert.js';
import { DirectWriter } from './direct-writer.js';
import { DiskError } from './disk-error.js';
import { SEAL, sealPiece } from './page-seal.js';
import type {
  FileHandle,
  FileIdentity,
  FileOpenMode,
  FileSystem,
  PageSeal,
  WritePiece,
} from './ports.js';

const FILE_MODE = 0o600;
/** What of a mode says who may do what. */
const ALL_ACCESS = 0o777;
const GROUP = 0o070;
const OTHERS = 0o007;
/** What a system says where a file is not given to somebody else. */
const NO_OWNERS: ReadonlySet<string> = new Set([
  'EPERM',
  'EINVAL',
  'ENOTSUP',
  'EOPNOTSUPP',
  'ENOSYS',
]);
const DIRECTORY_MODE = 0o700;
/** What Linux moves in one call at most; every system and Node itself take that much. */
const MAX_TRANSFER = 0x7fff_f000;
/** A call that is interrupted this often has something else the matter with it. */
const MAX_ATTEMPTS = 10_000;
const WINDOWS = process.platform === 'win32';

/** Windows lacks some of them. `O_CLOEXEC` is not among them: Node sets it on every open. */
const FLAGS: Partial<typeof fs.constants> = fs.constants;
/** A FIFO or a device must not hold us up before we have seen what it is; files do not care. */
const OPEN_CAREFULLY = (FLAGS.O_NONBLOCK ?? 0) | (FLAGS.O_NOCTTY ?? 0);
const NO_FOLLOW = FLAGS.O_NOFOLLOW ?? 0;
const OPEN_FLAGS: Readonly<Record<FileOpenMode, number>> = {
  read: fs.constants.O_RDONLY | OPEN_CAREFULLY,
  write: fs.constants.O_RDWR | OPEN_CAREFULLY,
  create: fs.constants.O_RDWR | fs.constants.O_CREAT | fs.constants.O_EXCL | NO_FOLLOW,
};

/** The errno's name; a call that Node refused for its arguments is an `EINVAL` that it foresaw. */
function codeOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (typeof code !== 'string') return 'EIO';
  return code.startsWith('ERR_') ? 'EINVAL' : code;
}

function diskError(operation: string, path: string, error: unknown): DiskError {
  if (error instanceof DiskError) return error;
  return new DiskError({ code: codeOf(error), operation, path }, error);
}

/** Not for reads and writes: a closure is an allocation. */
function attempt<Result>(operation: string, path: string, call: () => Result): Result {
  try {
    return call();
  } catch (error) {
    throw diskError(operation, path, error);
  }
}

/** Whether the same call is worth making again: it was interrupted and did nothing. */
function isWorthRepeating(error: unknown, attempts: number): boolean {
  const code = codeOf(error);
  return attempts < MAX_ATTEMPTS && (code === 'EINTR' || code === 'EAGAIN');
}

/** A place that is no number would mean the descriptor's own position to Node. */
function assertPlace(at: number): void {
  assert(Number.isSafeInteger(at) && at >= 0, 'a place in a file is a whole number from 0 on');
}

/** As short as the system's own, again when interrupted. */
function writeOnce(
  fd: number,
  buffer: Uint8Array,
  offset: number,
  length: number,
  at: number,
): number {
  for (let attempts = 1; ; attempts++) {
    try {
      return fs.writeSync(fd, buffer, offset, Math.min(length, MAX_TRANSFER), at);
    } catch (error) {
      if (!isWorthRepeating(error, attempts)) throw error;
    }
  }
}

function writeWhole(fd: number, piece: WritePiece): void {
  sealPiece(piece);
  let done = 0;
  while (done < piece.length) {
    const count = writeOnce(
      fd,
      piece.buffer,
      piece.offset + done,
      piece.length - done,
      piece.at + done,
    );
    if (count <= 0) throw new Error('the system wrote nothing');
    done += count;
  }
}

// ---------------------------------------------------------------------------------------------
// Begun work

type BegunKind = 'write' | 'sync';

interface Failure {
  readonly operation: BegunKind;
  readonly code: string;
  readonly cause: unknown;
}

/** Where the begun work of one handle stands. */
class BegunWork {
  /** Tells handles apart at the worker: descriptors are reused, these are not. */
  readonly id: number;
  /** Jobs at the worker, posted and not yet collected. */
  outstanding = 0;
  /** From the first failure until it is reported nothing of this handle is carried out. */
  #failedCode: string | undefined;
  #unreported: Failure | undefined;

  static #handleCount = 0;

  constructor() {
    this.id = BegunWork.#handleCount++;
  }

  get failedCode(): string | undefined {
    return this.#failedCode;
  }

  fail(operation: BegunKind, code: string, cause?: unknown): void {
    this.#failedCode ??= code;
    this.#unreported ??= { operation, code, cause };
  }

  /** The first failure since the last call; what is begun from now on is carried out again. */
  takeFailure(): Failure | undefined {
    const failure = this.#unreported;
    this.#unreported = undefined;
    this.#failedCode = undefined;
    return failure;
  }
}

/** The pieces as the worker takes them; see `Job` there. */
interface EncodedPieces {
  readonly pieces: Float64Array;
  readonly buffers: SharedArrayBuffer[];
  readonly seals: PageSeal[];
}

const PIECE_FIELDS = 6;
/** In the place of a seal's number. */
const NO_SEAL = -1;

function assertPieces(pieces: readonly WritePiece[]): void {
  for (const { buffer, offset, length, at, seal, slot = 0 } of pieces) {
    assertPlace(at);
    assert(
      offset >= 0 && length >= 0 && offset + length <= buffer.length,
      'a piece lies within its memory',
    );
    assert(seal === undefined || slot < seal.checksums.length, 'a checksum has a place');
  }
}

/** The place of `buffer` among `buffers`. There are few: slabs. */
function indexIn(buffers: SharedArrayBuffer[], buffer: SharedArrayBuffer): number {
  const index = buffers.indexOf(buffer);
  return index >= 0 ? index : buffers.push(buffer) - 1;
}

/** The number of the seal for the worker; what the worker cannot seal is sealed here. */
function encodeSeal(seals: PageSeal[], piece: WritePiece, isShared: boolean): number {
  const { seal } = piece;
  if (seal === undefined) return NO_SEAL;
  const known = seals.indexOf(seal);
  if (isShared && known >= 0) return known;
  if (isShared && types.isSharedArrayBuffer(seal.checksums.buffer)) return seals.push(seal) - 1;
  sealPiece(piece);
  return NO_SEAL;
}

/** Pieces whose memory the worker cannot see are copied into one that it can. */
function encodePieces(pieces: readonly WritePiece[]): EncodedPieces {
  let privateBytes = 0;
  for (const { buffer, length } of pieces) {
    if (!types.isSharedArrayBuffer(buffer.buffer)) privateBytes += length;
  }
  const copy = new Uint8Array(new SharedArrayBuffer(privateBytes));
  const encoded = new Float64Array(pieces.length * PIECE_FIELDS);
  const buffers: SharedArrayBuffer[] = [];
  const seals: PageSeal[] = [];
  let copied = 0;
  let field = 0;
  for (const piece of pieces) {
    const { buffer, offset, length, at, slot = 0 } = piece;
    const memory = buffer.buffer;
    const isShared = types.isSharedArrayBuffer(memory);
    encoded[field + 4] = encodeSeal(seals, piece, isShared);
    encoded[field + 5] = slot;
    if (isShared) {
      encoded[field] = indexIn(buffers, memory);
      encoded[field + 1] = buffer.byteOffset + offset;
    } else {
      copy.set(buffer.subarray(offset, offset + length), copied);
      encoded[field] = indexIn(buffers, copy.buffer);
      encoded[field + 1] = copied;
      copied += length;
    }
    encoded[field + 2] = length;
    encoded[field + 3] = at;
    field += PIECE_FIELDS;
  }
  return { pieces: encoded, buffers, seals };
}

// ---------------------------------------------------------------------------------------------
// The worker, seen from here

/** The shared words; the worker is given this and has no numbers of its own. */
const LAYOUT = {
  state: 0,
  posted: 1,
  completed: 2,
  ring: 3,
  ringSize: 1024,
  ready: 1,
  dead: 2,
  /** Error numbers come negative from Node, and 0 is success. */
  unknownErrno: 1,
  noSeal: NO_SEAL,
  seal: SEAL,
} as const;

/** How long to sleep before looking whether the worker is still there. */
const WAKE_INTERVAL_MS = 1000;

const NO_PIECES: EncodedPieces = { pieces: new Float64Array(0), buffers: [], seals: [] };

interface PostedJob {
  readonly work: BegunWork;
  readonly operation: BegunKind;
}

function errnoName(errno: number): string {
  return errno === LAYOUT.unknownErrno ? 'EIO' : getSystemErrorName(errno);
}

/**
 * The main thread's end of the one worker thread.
 *
 * Jobs are counted modulo 2^32; at most `ringSize` are posted and not collected, so no result is
 * overwritten before it has been read.
 */
class IoWorker {
  readonly #shared = new Int32Array(
    new SharedArrayBuffer((LAYOUT.ring + LAYOUT.ringSize) * Int32Array.BYTES_PER_ELEMENT),
  );
  readonly #port: MessagePort;
  readonly #jobs: (PostedJob | undefined)[] = new Array<undefined>(LAYOUT.ringSize);
  #posted = 0;
  #collected = 0;
  #buried = false;

  constructor() {
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    port1.unref();
    try {
      const worker = new Worker(new URL('./io-worker.js', import.meta.url), {
        name: 'isamite-io',
        workerData: { shared: this.#shared, port: port2, layout: LAYOUT },
        transferList: [port2],
        // No loaders and no preloads of the host, neither from its command line nor from
        // NODE_OPTIONS: they may wait for the main thread, which may be waiting for the worker.
        execArgv: [],
        env: {},
      });
      worker.unref();
      worker.on('error', () => this.#bury());
      worker.on('exit', () => this.#bury());
    } catch {
      // Not permitted, or no thread to be had: carry on without, as for one that dies.
      this.#bury();
    }
  }

  get isReady(): boolean {
    return Atomics.load(this.#shared, LAYOUT.state) === LAYOUT.ready;
  }

  /** True once it takes jobs; false when it is dead or the time is up. */
  waitUntilReady(timeoutMs: number): boolean {
    Atomics.wait(this.#shared, LAYOUT.state, 0, timeoutMs);
    return this.isReady;
  }

  post(kind: BegunKind, work: BegunWork, fd: number, encoded: EncodedPieces): void {
    work.outstanding++;
    this.#send({ work, operation: kind }, { kind, handle: work.id, fd, ...encoded });
  }

  /** Lets go of what the worker remembers of a handle whose failure is reported, or closed. */
  forget(work: BegunWork): void {
    this.#send(undefined, { kind: 'forget', handle: work.id, fd: -1, ...NO_PIECES });
  }

  /** Hands the results that have come in to the handles. One look at a shared word if none has. */
  collect(): void {
    const completed = Atomics.load(this.#shared, LAYOUT.completed);
    while (this.#collected !== completed && !this.#buried) {
      const slot = this.#collected & (LAYOUT.ringSize - 1);
      this.#finishJob(Atomics.load(this.#shared, LAYOUT.ring + slot));
    }
  }

  /** Sleeps until something has been completed that was not collected, and collects it. */
  waitAndCollect(): void {
    Atomics.wait(this.#shared, LAYOUT.completed, this.#collected, WAKE_INTERVAL_MS);
    this.collect();
    if (!this.isReady) this.#bury();
  }

  #send(job: PostedJob | undefined, message: unknown): void {
    while (((this.#posted - this.#collected) | 0) >= LAYOUT.ringSize) this.waitAndCollect();
    this.#jobs[this.#posted & (LAYOUT.ringSize - 1)] = job;
    this.#port.postMessage(message);
    this.#posted = (this.#posted + 1) | 0;
    Atomics.store(this.#shared, LAYOUT.posted, this.#posted);
    Atomics.notify(this.#shared, LAYOUT.posted);
    // Dying, the worker fails what it sees posted; what it no longer saw is for us to fail.
    if (!this.isReady) this.#bury();
  }

  /** The next job in the order posted has this result: 0 or an error number. */
  #finishJob(result: number): void {
    const slot = this.#collected & (LAYOUT.ringSize - 1);
    const job = this.#jobs[slot];
    this.#jobs[slot] = undefined;
    this.#collected = (this.#collected + 1) | 0;
    if (job === undefined) return;
    job.work.outstanding--;
    if (result !== 0) job.work.fail(job.operation, errnoName(result), this.#reasonOf(result));
  }

  /** What the worker said about a failure that has no error number. */
  #reasonOf(result: number): Error | undefined {
    if (result !== LAYOUT.unknownErrno) return undefined;
    const received = receiveMessageOnPort(this.#port) as { message: string } | undefined;
    const text = received?.message ?? 'it ended, and did not say why';
    return new Error(`the thread that writes: ${text}`);
  }

  /**
   * The worker is gone: nobody knows how far what is outstanding has come, so it has failed, and
   * whoever began it must open the file again.
   */
  #bury(): void {
    this.collect();
    this.#buried = true;
    Atomics.store(this.#shared, LAYOUT.state, LAYOUT.dead);
    while (this.#collected !== this.#posted) this.#finishJob(LAYOUT.unknownErrno);
  }
}

/** One for all handles, from the first begun job or `startWorker` on. Never replaced. */
let ioWorker: IoWorker | undefined;

// ---------------------------------------------------------------------------------------------
// Locks

interface FlockBinding {
  flockSync(fd: number, flags: 'shnb' | 'exnb'): void;
}

type LockMode = 'shared' | 'exclusive';

let flockBinding: FlockBinding | undefined;

/** Loaded at the first lock: who never opens a file for good needs no native module. */
function loadFlock(path: string): FlockBinding {
  try {
    flockBinding ??= createRequire(import.meta.url)('fs-ext') as FlockBinding;
    return flockBinding;
  } catch (error) {
    throw new DiskError(
      { code: 'ENOTSUP', operation: 'lock', path },
      error,
      'the native module fs-ext could not be loaded, and without a lock no file is opened; ' +
        'install python3, make and g++, then run `npm install fs-ext` (or `npm rebuild fs-ext`, if it is ' +
        'there), and let npm run its install script',
    );
  }
}

/** False if another holder is in the way. */
function flock(fd: number, path: string, mode: LockMode): boolean {
  const binding = loadFlock(path);
  for (let attempts = 1; ; attempts++) {
    try {
      binding.flockSync(fd, mode === 'shared' ? 'shnb' : 'exnb');
      return true;
    } catch (error) {
      const code = codeOf(error);
      if (code === 'EAGAIN' || code === 'EWOULDBLOCK' || code === 'EACCES') return false;
      if (!isWorthRepeating(error, attempts)) throw diskError('lock', path, error);
    }
  }
}

// ---------------------------------------------------------------------------------------------
// Handles

/** Numbers of 64 bits: not every file system keeps them below 2^53. */
function identityOf({ dev, ino }: fs.BigIntStats): FileIdentity {
  return { device: dev.toString(), inode: ino.toString() };
}

class NodeFileHandle implements FileHandle {
  readonly path: string;
  readonly #usesWorker: boolean;
  readonly #begun = new BegunWork();
  /** -1 once closed. */
  #fd: number;
  #lock: LockMode | undefined;
  #direct: DirectWriter | undefined;

  constructor(path: string, fd: number, usesWorker: boolean) {
    this.path = path;
    this.#fd = fd;
    this.#usesWorker = usesWorker;
  }

  identity(): FileIdentity {
    const fd = this.#descriptor('stat');
    return attempt('stat', this.path, () => identityOf(fs.fstatSync(fd, { bigint: true })));
  }

  names(): number {
    const fd = this.#descriptor('stat');
    return attempt('stat', this.path, () => fs.fstatSync(fd).nlink);
  }

  size(): number {
    const fd = this.#descriptor('stat');
    return attempt('stat', this.path, () => fs.fstatSync(fd).size);
  }

  read(buffer: Uint8Array, offset: number, length: number, at: number): number {
    const fd = this.#descriptor('read');
    assertPlace(at);
    for (let attempts = 1; ; attempts++) {
      try {
        return fs.readSync(fd, buffer, offset, Math.min(length, MAX_TRANSFER), at);
      } catch (error) {
        if (!isWorthRepeating(error, attempts)) throw diskError('read', this.path, error);
      }
    }
  }

  write(buffer: Uint8Array, offset: number, length: number, at: number): number {
    const fd = this.#descriptor('write');
    assertPlace(at);
    try {
      const count = this.#direct?.write(writeOnce, buffer, offset, length, at) ?? 0;
      return count > 0 ? count : writeOnce(fd, buffer, offset, length, at);
    } catch (error) {
      throw diskError('write', this.path, error);
    }
  }

  expectSyncs(areExpected: boolean): void {
    const fd = this.#descriptor('write');
    if (areExpected) this.#direct ??= DirectWriter.of(fd);
    else attempt('close', this.path, () => this.#leaveDirect());
  }

  #leaveDirect(): void {
    const direct = this.#direct;
    this.#direct = undefined;
    direct?.close();
  }

  truncate(size: number): void {
    const fd = this.#descriptor('truncate');
    assertPlace(size);
    attempt('truncate', this.path, () => fs.ftruncateSync(fd, size));
  }

  sync(): void {
    const fd = this.#descriptor('sync');
    attempt('sync', this.path, () => fs.fdatasyncSync(fd));
  }

  beginWrite(pieces: readonly WritePiece[]): void {
    const fd = this.#descriptor('write');
    assertPieces(pieces);
    if (this.#refusesMore('write')) return;
    const worker = this.#readyWorker();
    if (worker !== undefined) worker.post('write', this.#begun, fd, encodePieces(pieces));
    else this.#carryOut('write', () => pieces.forEach((piece) => writeWhole(fd, piece)));
  }

  beginSync(): void {
    const fd = this.#descriptor('sync');
    if (this.#refusesMore('sync')) return;
    const worker = this.#readyWorker();
    if (worker !== undefined) worker.post('sync', this.#begun, fd, NO_PIECES);
    else this.#carryOut('sync', () => fs.fdatasyncSync(fd));
  }

  poll(left = 0): boolean {
    this.#descriptor('poll');
    if (this.#begun.outstanding > this.#toBeLeft(left)) {
      ioWorker?.collect();
      if (this.#begun.outstanding > this.#toBeLeft(left)) return false;
    }
    this.#throwFailure();
    return true;
  }

  settle(left = 0): void {
    this.#descriptor('settle');
    this.#awaitBegun(left);
    this.#throwFailure();
  }

  /**
   * A change of mode gives the lock up for an instant (the system's own does). If another holder
   * is in the way the earlier lock is kept; if it was lost in that instant, throws `ENOLCK`.
   */
  tryLock(mode: LockMode): boolean {
    const fd = this.#descriptor('lock');
    if (flock(fd, this.path, mode)) {
      this.#lock = mode;
      return true;
    }
    const before = this.#lock;
    if (before !== undefined && !flock(fd, this.path, before)) {
      this.#lock = undefined;
      throw new DiskError({ code: 'ENOLCK', operation: 'lock', path: this.path });
    }
    return false;
  }

  /** What failed of the begun work and was never asked for is not reported. */
  close(): void {
    if (this.#fd < 0) return;
    const fd = this.#fd;
    try {
      this.#awaitBegun(0);
      if (this.#begun.failedCode !== undefined && ioWorker?.isReady) ioWorker.forget(this.#begun);
    } finally {
      this.#fd = -1;
      attempt('close', this.path, () => {
        try {
          this.#leaveDirect();
        } finally {
          fs.closeSync(fd);
        }
      });
    }
  }

  /** The open descriptor. Throws `EBADF` after `close`. */
  #descriptor(operation: string): number {
    if (this.#fd < 0) throw new DiskError({ code: 'EBADF', operation, path: this.path });
    return this.#fd;
  }

  #readyWorker(): IoWorker | undefined {
    if (!this.#usesWorker) return undefined;
    ioWorker ??= new IoWorker();
    return ioWorker.isReady ? ioWorker : undefined;
  }

  /** Until a failure is reported, further work fails as well, and touches nothing. */
  #refusesMore(operation: BegunKind): boolean {
    const { failedCode } = this.#begun;
    if (failedCode === undefined) return false;
    this.#begun.fail(operation, failedCode);
    return true;
  }

  #carryOut(operation: BegunKind, work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#begun.fail(operation, codeOf(error), error);
    }
  }

  /** What is outstanding behind a failure fails likewise, and is told with it. */
  #toBeLeft(left: number): number {
    return this.#begun.failedCode === undefined ? left : 0;
  }

  #awaitBegun(left: number): void {
    while (this.#begun.outstanding > this.#toBeLeft(left)) {
      present(ioWorker, 'work is outstanding only at a worker').waitAndCollect();
    }
  }

  #throwFailure(): void {
    const failure = this.#begun.takeFailure();
    if (failure === undefined) return;
    if (ioWorker?.isReady) ioWorker.forget(this.#begun);
    const { code, operation, cause } = failure;
    throw new DiskError({ code, operation, path: this.path }, cause);
  }
}

// ---------------------------------------------------------------------------------------------
// The file system

/** Throws unless it is a regular file; whatever else there is cannot be read at a place. */
function assertRegularFile(fd: number, operation: string, path: string): void {
  const stat = fs.fstatSync(fd);
  if (stat.isFile()) return;
  const code = stat.isDirectory() ? 'EISDIR' : 'EINVAL';
  throw new DiskError({ code, operation, path });
}

function openDescriptor(path: string, mode: FileOpenMode): number {
  const fd = fs.openSync(path, OPEN_FLAGS[mode], FILE_MODE);
  try {
    if (mode === 'create') fs.fchmodSync(fd, FILE_MODE);
    else assertRegularFile(fd, 'open', path);
    return fd;
  } catch (error) {
    fs.closeSync(fd);
    // Nobody has seen it, and left behind it would stand in the way of the next attempt.
    if (mode === 'create') fs.rmSync(path, { force: true });
    throw error;
  }
}

/** One level at a time: the umask must not shape a directory that more are to be made in. */
function makeDirectories(path: string): void {
  const stat = fs.statSync(path, { throwIfNoEntry: false });
  if (stat?.isDirectory()) return;
  const parent = dirname(path);
  if (stat === undefined && parent !== path) makeDirectories(parent);
  try {
    fs.mkdirSync(path, DIRECTORY_MODE);
  } catch (error) {
    // Another process may have made it in between.
    if (fs.statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
    throw error;
  }
  fs.chmodSync(path, DIRECTORY_MODE);
}

/** Gives a file to its owner and group, or at least to its group. Returns whether it has that group now. */
function changeOwner(fd: number, uid: number, gid: number): boolean {
  const own = fs.fstatSync(fd);
  if (own.uid === uid && own.gid === gid) return true;
  for (const owner of new Set([uid, own.uid])) {
    try {
      fs.fchownSync(fd, owner, gid);
      return true;
    } catch (error) {
      if (!NO_OWNERS.has(codeOf(error))) throw error;
    }
  }
  return own.gid === gid;
}

/** The mode with which another group may do no more than anybody. */
function withoutGroup(mode: number): number {
  const others = mode & OTHERS;
  return (mode & ALL_ACCESS & ~GROUP) | (mode & GROUP & (others << 3));
}

/** A file system without a second name for a file says one of these. */
const NO_LINKS: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

/** Gives a file a name that nothing has; false if files of this file system have one name only. */
function linkNew(from: string, to: string): boolean {
  try {
    fs.linkSync(from, to);
    return true;
  } catch (error) {
    if (NO_LINKS.has(codeOf(error))) return false;
    throw error;
  }
}

/** The first name goes; if it cannot, the second one does, and nothing has happened. */
function unlinkOld(from: string, to: string): void {
  try {
    fs.unlinkSync(from);
  } catch (error) {
    fs.rmSync(to, { force: true });
    throw error;
  }
}

/** Without links, what appears between looking and renaming is replaced. */
function renameUnlessThere(from: string, to: string): void {
  if (fs.lstatSync(to, { throwIfNoEntry: false }) === undefined) fs.renameSync(from, to);
  else throw new DiskError({ code: 'EEXIST', operation: 'rename', path: from });
}

export interface NodeFileSystemOptions {
  /**
   * `lazy`: a thread is started at the first begun work and carries it out from when it is up.
   * `never`: all work is carried out where it is begun. Default `lazy`.
   */
  readonly worker?: 'lazy' | 'never';
}

/**
 * The disk.
 *
 * `open` throws `EISDIR` for a directory and `EINVAL` for what is neither that nor a regular file.
 * A path that cannot be one (with a NUL in it) is `EINVAL`. `exists` follows links.
 */
export class NodeFileSystem implements FileSystem {
  readonly #usesWorker: boolean;

  constructor({ worker = 'lazy' }: NodeFileSystemOptions = {}) {
    this.#usesWorker = worker === 'lazy';
  }

  /**
   * Starts the worker thread if need be and blocks until it is up, at most `timeoutMs`
   * milliseconds. False if it is not: then work goes on being carried out where it is begun.
   */
  static startWorker(timeoutMs: number): boolean {
    ioWorker ??= new IoWorker();
    return ioWorker.waitUntilReady(timeoutMs);
  }

  open(path: string, mode: FileOpenMode): FileHandle {
    const fd = attempt('open', path, () => openDescriptor(path, mode));
    return new NodeFileHandle(path, fd, this.#usesWorker);
  }

  exists(path: string): boolean {
    return attempt('stat', path, () => fs.statSync(path, { throwIfNoEntry: false }) !== undefined);
  }

  identify(path: string): FileIdentity | undefined {
    return attempt('stat', path, () => {
      const stat = fs.statSync(path, { bigint: true, throwIfNoEntry: false });
      return stat === undefined ? undefined : identityOf(stat);
    });
  }

  /** Size and time of the last change, to be compared; undefined if there is nothing. */
  stateOf(path: string): string | undefined {
    return attempt('stat', path, () => {
      const stat = fs.statSync(path, { bigint: true, throwIfNoEntry: false });
      return stat === undefined ? undefined : `${stat.size}:${stat.mtimeNs}`;
    });
  }

  /** What a path leads to, links followed. Throws `ENOENT`. */
  realPath(path: string): string {
    return attempt('stat', path, () => fs.realpathSync.native(path));
  }

  list(directory: string): string[] {
    return attempt('list', directory, () => fs.readdirSync(directory).sort());
  }

  makeDirectory(path: string): void {
    attempt('mkdir', path, () => makeDirectories(path));
  }

  /**
   * Gives a file the permissions of another one whose place it is to take, and its owner and group where
   * the system lets us, durably. A group that cannot be kept gets no more than everybody has, so that nobody
   * may do more than before. Without effect on Windows.
   */
  copyAccess(from: string, to: string): void {
    if (WINDOWS) return;
    attempt('chmod', to, () => {
      const { uid, gid, mode } = fs.statSync(from);
      const fd = fs.openSync(to, fs.constants.O_RDWR | OPEN_CAREFULLY | NO_FOLLOW);
      try {
        const isKept = changeOwner(fd, uid, gid);
        fs.fchmodSync(fd, isKept ? mode & ALL_ACCESS : withoutGroup(mode));
        fs.fsyncSync(fd);
      } finally {
        fs.closeSync(fd);
      }
    });
  }

  rename(from: string, to: string): void {
    attempt('rename', from, () => fs.renameSync(from, to));
  }

  renameNew(from: string, to: string): void {
    attempt('rename', from, () => {
      if (linkNew(from, to)) unlinkOld(from, to);
      else renameUnlessThere(from, to);
    });
  }

  /** Gives a file a second name that nothing has; false if files of this file system have one name only. */
  nameAlso(path: string, name: string): boolean {
    return attempt('link', path, () => linkNew(path, name));
  }

  remove(path: string): void {
    attempt('remove', path, () => fs.unlinkSync(path));
  }

  syncDirectory(path: string): void {
    // Windows has no such call; NTFS writes its directories through its journal.
    if (WINDOWS) return;
    attempt('syncDirectory', path, () => {
      const fd = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
      try {
        fs.fsyncSync(fd);
      } finally {
        fs.closeSync(fd);
      }
    });
  }
}

// ---------------------------------------------------------------------------------------------
// Lines at the end of a file

const NEWLINE = 0x0a;

/** A line that a crash or a full disk cut short is ended first. */
function endsAmidLine(fd: number, size: number): boolean {
  if (size === 0) return false;
  const last = new Uint8Array(1);
  return fs.readSync(fd, last, 0, 1, size - 1) === 1 && last[0] !== NEWLINE;
}

/**
 * Appends one line, with its line feed, to a file that is made (mode 0600) if it is not there;
 * other processes may do the same. Links are not followed.
 *
 * False, with nothing written, if the file holds something and would grow past `limitBytes`.
 * Throws a `DiskError`. Not durable.
 */
export function appendLine(path: string, line: string, limitBytes: number): boolean {
  return attempt('append', path, () => {
    const { O_RDWR, O_APPEND, O_CREAT } = fs.constants;
    const flags = O_RDWR | O_APPEND | O_CREAT | OPEN_CAREFULLY | NO_FOLLOW;
    const fd = fs.openSync(path, flags, FILE_MODE);
    try {
      assertRegularFile(fd, 'append', path);
      const { size } = fs.fstatSync(fd);
      if (size === 0) fs.fchmodSync(fd, FILE_MODE);
      const bytes = Buffer.from(endsAmidLine(fd, size) ? `\n${line}\n` : `${line}\n`);
      if (size > 0 && size + bytes.length > limitBytes) return false;
      // At no place: not every system lets O_APPEND override one.
      let done = 0;
      while (done < bytes.length) done += fs.writeSync(fd, bytes, done, bytes.length - done, null);
      return true;
    } finally {
      fs.closeSync(fd);
    }
  });
}
