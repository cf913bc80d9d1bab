// @ts-check
/**
 * The thread that carries out begun writes and syncs; the other half of `node-files.ts`.
 *
 * Plain JavaScript: a worker started from TypeScript sources needs a loader, the loader needs the
 * main thread to yield, and a host that blocks in `Atomics.wait` never does. For the same reason
 * nothing here waits for its own event loop: jobs are taken from the port by
 * `receiveMessageOnPort`, and the thread sleeps in `Atomics.wait` between them.
 *
 * Invariants: jobs are carried out in the order posted, and job n leaves its result in the ring
 * before `completed` passes n. Once a job of a handle has failed no later job of that handle
 * touches the disk; it fails with the same result, until the handle is forgotten (its failure was
 * reported, or it is closed). Whatever
 * ends this thread, every job posted until then is completed first, as failed if need be.
 */
import fs from 'node:fs';
import { crc32 } from 'node:zlib';
import { receiveMessageOnPort, workerData } from 'node:worker_threads';

/**
 * Where things lie in the shared words, and what they mean; given by the main thread.
 * @typedef {object} Layout
 * @property {number} state index of the state word
 * @property {number} posted index of the count of jobs posted, modulo 2^32
 * @property {number} completed index of the count of jobs completed, modulo 2^32
 * @property {number} ring index of the first result
 * @property {number} ringSize count of results, a power of two
 * @property {number} ready state: takes jobs
 * @property {number} dead state: takes no more
 * @property {number} unknownErrno result of a failure that has no errno
 * @property {number} noSeal in the place of a seal's number: the piece is written as it is
 * @property {{ checksum: number, checked: number, generation: number }} seal offsets in a page; see `page-seal.ts`
 */

/**
 * See `PageSeal` in `ports.ts`. The checksums are in shared memory.
 * @typedef {object} Seal
 * @property {number} seed
 * @property {number} generation
 * @property {Uint32Array} checksums
 */

/**
 * `pieces` are (buffer index, offset, length, at, seal index, slot) one after another; offsets and lengths in
 * bytes.
 * @typedef {object} Job
 * @property {'write' | 'sync' | 'forget'} kind
 * @property {number} handle tells handles apart; descriptors are reused, these are not
 * @property {number} fd
 * @property {Float64Array} pieces
 * @property {SharedArrayBuffer[]} buffers
 * @property {Seal[]} seals
 */

/** Pieces in one system call: half of what the systems allow (IOV_MAX). */
const MAX_VIEWS = 512;
/** A call that is interrupted this often has something else the matter with it. */
const MAX_ATTEMPTS = 10_000;
const PIECE_FIELDS = 6;
const TWO_32 = 0x1_0000_0000;

/** @type {unknown} */
const given = workerData;
const { shared, port, layout } =
  /** @type {{ shared: Int32Array, port: import('node:worker_threads').MessagePort, layout: Layout }} */ (
    given
  );

/** The result of the first failed job of each handle that has one. @type {Map<number, number>} */
const failures = new Map();

/**
 * The error number as the system gave it (Node keeps it negative).
 * @param {unknown} error
 */
function errnoOf(error) {
  if (error instanceof Error && 'errno' in error && typeof error.errno === 'number') {
    return error.errno;
  }
  return layout.unknownErrno;
}

/**
 * A failure that has no error number is told in words, before its result is seen.
 * @param {unknown} error
 */
function tellUnknown(error) {
  if (errnoOf(error) !== layout.unknownErrno) return;
  port.postMessage(error instanceof Error ? (error.stack ?? error.message) : String(error));
}

/**
 * @param {unknown} error
 */
function isTransient(error) {
  return (
    error instanceof Error && 'code' in error && (error.code === 'EINTR' || error.code === 'EAGAIN')
  );
}

/**
 * One system call, again when it was interrupted. Returns what it returned.
 * @param {() => number} call
 */
function retried(call) {
  for (let attempt = 1; ; attempt++) {
    try {
      return call();
    } catch (error) {
      if (attempt >= MAX_ATTEMPTS || !isTransient(error)) throw error;
    }
  }
}

/**
 * Writes views that follow one another in the file, whole, from `at` on.
 * @param {number} fd
 * @param {Uint8Array[]} views
 * @param {number} at
 */
function writeRun(fd, views, at) {
  let rest = views;
  let position = at;
  while (rest.length > 0) {
    const batch = rest;
    let count = retried(() => fs.writevSync(fd, batch, position));
    if (count <= 0) throw new Error('the system wrote nothing');
    position += count;
    let whole = 0;
    for (const view of rest) {
      if (count < view.length) break;
      count -= view.length;
      whole++;
    }
    rest = rest.slice(whole);
    const [torn] = rest;
    if (torn !== undefined && count > 0) rest[0] = torn.subarray(count);
  }
}

/**
 * What `sealPage` does.
 * @param {Uint8Array} page
 * @param {Seal} seal
 * @param {number} slot
 */
function sealPage(page, { seed, generation, checksums }, slot) {
  const { seal } = layout;
  const view = new DataView(page.buffer, page.byteOffset, page.byteLength);
  view.setUint32(seal.generation, generation, true);
  view.setUint32(seal.generation + 4, generation / TWO_32, true);
  const checksum = crc32(page.subarray(seal.checked), seed);
  view.setUint32(seal.checksum, checksum, true);
  checksums[slot] = checksum;
}

/**
 * Writes all pieces in their order; neighbours in the file go in one call.
 * @param {Job} job
 */
function writePieces({ fd, pieces, buffers, seals }) {
  /** @type {Uint8Array[]} */
  let views = [];
  let from = 0;
  let until = 0;
  for (let index = 0; index < pieces.length; index += PIECE_FIELDS) {
    const [buffer = 0, offset = 0, length = 0, at = 0, seal = layout.noSeal, slot = 0] =
      pieces.subarray(index, index + PIECE_FIELDS);
    const memory = buffers[buffer];
    if (memory === undefined) throw new Error('a piece without memory');
    if (length === 0) continue;
    if (at !== until || views.length === MAX_VIEWS) {
      writeRun(fd, views, from);
      views = [];
      from = at;
      until = at;
    }
    const bytes = new Uint8Array(memory, offset, length);
    const how = seals[seal];
    if (how !== undefined) sealPage(bytes, how, slot);
    else if (seal !== layout.noSeal) throw new Error('a page without its seal');
    views.push(bytes);
    until += length;
  }
  writeRun(fd, views, from);
}

/**
 * Carries one job out. Returns its result: 0, or the error number.
 * @param {Job} job
 */
function carryOut(job) {
  if (job.kind === 'forget') {
    failures.delete(job.handle);
    return 0;
  }
  const earlier = failures.get(job.handle);
  if (earlier !== undefined) return earlier;
  try {
    if (job.kind === 'sync') retried(() => (fs.fdatasyncSync(job.fd), 0));
    else writePieces(job);
    return 0;
  } catch (error) {
    const errno = errnoOf(error);
    tellUnknown(error);
    failures.set(job.handle, errno);
    return errno;
  }
}

/**
 * @param {number} job its number, modulo 2^32
 * @param {number} result
 */
function complete(job, result) {
  Atomics.store(shared, layout.ring + (job & (layout.ringSize - 1)), result);
  Atomics.store(shared, layout.completed, (job + 1) | 0);
  Atomics.notify(shared, layout.completed);
}

/** Never returns. */
function serve() {
  for (let job = 0; ; job = (job + 1) | 0) {
    // The notice of the job before may come late, when that job is done and this one not posted.
    while (Atomics.load(shared, layout.posted) === job) Atomics.wait(shared, layout.posted, job);
    const received = receiveMessageOnPort(port);
    // A message is there before it is counted.
    if (received === undefined) throw new Error('a job was counted and not posted');
    /** @type {unknown} */
    const message = received.message;
    complete(job, carryOut(/** @type {Job} */ (message)));
  }
}

/** Fails what was posted; what is posted later the main thread fails, having seen the state. */
function die() {
  Atomics.store(shared, layout.state, layout.dead);
  const posted = Atomics.load(shared, layout.posted);
  for (let job = Atomics.load(shared, layout.completed); job !== posted; job = (job + 1) | 0) {
    complete(job, layout.unknownErrno);
  }
  Atomics.notify(shared, layout.completed);
}

try {
  Atomics.store(shared, layout.state, layout.ready);
  Atomics.notify(shared, layout.state);
  serve();
} catch (error) {
  tellUnknown(error);
  throw error;
} finally {
  die();
}
