// @ts-check
/**
 * The thread that owns the sockets of a requester: it accepts, checks, cuts what comes in into frames and
 * hands them on, whole; the other half of `socket-thread.ts`.
 *
 * Plain JavaScript, for the reasons of `io-worker.js`. The protocol's numbers are given by the main thread.
 *
 * Invariants:
 * - A frame is handed on only when its connection has introduced itself, and its size is within the limit.
 *   Whatever else comes in ends that connection, and no other.
 * - What is not answered is bounded for each connection, by count and by bytes; the rest stays in the
 *   socket. So a main thread that does not look lets nothing grow.
 * - For each connection that was handed on there is one LOST, after all its frames.
 * - The socket appears under its name when it is listening, and not after the main thread has said END.
 */
import { Buffer } from 'node:buffer';
import { createHash, timingSafeEqual } from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import { dirname } from 'node:path';
import process from 'node:process';
import { clearTimeout, setImmediate, setTimeout } from 'node:timers';
import tls from 'node:tls';
import { workerData } from 'node:worker_threads';

/**
 * @typedef {object} Given
 * @property {Int32Array} shared
 * @property {import('node:worker_threads').MessagePort} port
 * @property {Place} place
 * @property {Tcp | undefined} tcp
 * @property {Numbers} numbers
 * @property {Limits} limits
 */
/**
 * Where to listen.
 * @typedef {object} Place
 * @property {string} socket path, or name of a pipe
 * @property {string} first path under which a socket is made before it gets its name; empty for a pipe
 * @property {string} record file that tells where the socket is, and whose it is
 * @property {string} directory made, and proved to be ours, before there is a socket in it
 */
/**
 * @typedef {object} Tcp
 * @property {string} host
 * @property {number} port
 * @property {string} token
 * @property {string} key
 * @property {string} cert
 */
/**
 * @typedef {object} Numbers
 * @property {Record<string, number>} kind
 * @property {Record<string, number>} frame
 * @property {Record<string, number>} hello
 * @property {Record<string, number>} welcome
 * @property {Record<string, number>} call
 * @property {Record<string, number>} word
 * @property {Record<string, number>} state
 * @property {number} magic
 * @property {number} version
 */
/**
 * @typedef {object} Limits
 * @property {number} frame bytes of a frame
 * @property {number} data bytes of a data buffer
 * @property {number} connections at a time
 * @property {number} inFlight requests of a connection that are not answered
 * @property {number} bytes of those and their answers, beside the first
 * @property {number} handshakeMs until a connection has introduced itself
 */

/** @type {unknown} */
const given = workerData;
const { shared, port, place, tcp, numbers, limits } = /** @type {Given} */ (given);
const { kind: KIND, frame: FRAME, hello: HELLO, welcome: WELCOME, call: CALL } = numbers;
const { word: WORD, state: STATE } = numbers;

const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;
/** Bytes of answers that a client may leave unread before nothing more is taken from it. */
const UNREAD_LIMIT = 1024 * 1024;
/** A first frame is short. */
const HELLO_LIMIT = 4096;

/** Kinds that a client may send when it is known. @type {Set<number | undefined>} */
const REQUESTS = new Set(
  ['OPEN', 'CLOSE', 'CALL', 'ADMINISTER', 'DIRECT', 'AGAIN'].map((name) => KIND[name]),
);

/** @param {unknown} value */
function numberOf(value) {
  return typeof value === 'number' ? value : 0;
}

/** Up to so many bytes it is quicker to copy a message than to give it away. */
const COPY_LIMIT = 4096;

/** What was cut out, and is to be handed on. @type {Buffer[]} */
let outgoing = [];
let isFlushDue = false;

function flush() {
  isFlushDue = false;
  if (outgoing.length === 0) return;
  const bytes = new Uint8Array(outgoing.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of outgoing) {
    bytes.set(part, at);
    at += part.length;
  }
  outgoing = [];
  if (bytes.length <= COPY_LIMIT) port.postMessage(bytes);
  else port.postMessage(bytes, [bytes.buffer]);
  Atomics.add(shared, numberOf(WORD['posted']), 1);
}

/** @param {number} connection @param {Buffer} frame */
function handOn(connection, frame) {
  const head = Buffer.allocUnsafe(4);
  head.writeUInt32LE(connection);
  outgoing.push(head, frame);
  if (isFlushDue) return;
  isFlushDue = true;
  // Everything that is there to be read goes in one message.
  setImmediate(flush);
}

/** @param {number} kind @param {number} [size] */
function control(kind, size = 0) {
  const frame = Buffer.alloc(numberOf(FRAME['size']) + size);
  frame.writeUInt32LE(frame.length - 4, 0);
  frame.writeUInt8(kind, numberOf(FRAME['kind']));
  return frame;
}

/** @type {Map<number, Connection>} */
const connections = new Map();
let lastConnection = 0;

class Connection {
  /** @param {net.Socket} socket @param {string} token what it has to know; empty for nothing */
  constructor(socket, token) {
    this.id = ++lastConnection;
    this.socket = socket;
    this.token = token;
    this.isKnown = false;
    this.isOver = false;
    /** Bytes that are no whole frame yet. @type {Buffer[]} */
    this.parts = [];
    this.partsSize = 0;
    /** Bytes needed before it is worth looking. */
    this.needed = numberOf(FRAME['size']);
    /** By id of the request: bytes that it and its answer take. @type {number[]} */
    this.costs = [];
    this.cost = 0;
    this.isPaused = false;
    this.timer = setTimeout(() => this.end(), limits.handshakeMs);
    socket.on('data', (bytes) => this.take(bytes));
    socket.on('error', () => this.end());
    socket.on('end', () => this.end());
    socket.on('close', () => this.end());
    socket.on('drain', () => this.goOn());
  }

  /** @param {Buffer} bytes */
  take(bytes) {
    this.parts.push(bytes);
    this.partsSize += bytes.length;
    this.goOn();
  }

  get isFull() {
    if (this.costs.length === 0) return this.socket.writableLength > UNREAD_LIMIT;
    return (
      this.costs.length >= limits.inFlight ||
      this.cost > limits.bytes ||
      this.socket.writableLength > UNREAD_LIMIT
    );
  }

  goOn() {
    if (this.isOver) return;
    if (this.partsSize >= this.needed && !this.isFull) this.cut();
    this.pauseOrResume();
  }

  pauseOrResume() {
    if (this.isOver || this.isFull === this.isPaused) return;
    this.isPaused = !this.isPaused;
    if (this.isPaused) this.socket.pause();
    else this.socket.resume();
  }

  /** Hands on the whole frames that there are. */
  cut() {
    const [only] = this.parts;
    const bytes = this.parts.length === 1 && only !== undefined ? only : Buffer.concat(this.parts);
    let at = 0;
    while (!this.isOver && !this.isFull) {
      this.needed = numberOf(FRAME['size']);
      if (bytes.length - at < this.needed) break;
      const size = bytes.readUInt32LE(at) + 4;
      if (!this.isSound(bytes, at, size)) {
        this.end();
        return;
      }
      this.needed = size;
      if (bytes.length - at < size) break;
      this.frame(bytes.subarray(at, at + size));
      at += size;
    }
    this.parts = at === bytes.length ? [] : [bytes.subarray(at)];
    this.partsSize = bytes.length - at;
  }

  /** Whether it can be a frame, by its head. @param {Buffer} bytes @param {number} at @param {number} size */
  isSound(bytes, at, size) {
    if (size < numberOf(FRAME['size'])) return false;
    if (size > (this.isKnown ? limits.frame : HELLO_LIMIT)) return false;
    const kind = bytes[at + numberOf(FRAME['kind'])];
    if (!this.isKnown) return kind === KIND['HELLO'];
    return REQUESTS.has(kind);
  }

  /** @param {Buffer} frame */
  frame(frame) {
    if (!this.isKnown) {
      this.introduce(frame.subarray(numberOf(FRAME['size'])));
      return;
    }
    let cost = frame.length;
    const kind = frame[numberOf(FRAME['kind'])];
    if (kind === KIND['CALL'] || kind === KIND['AGAIN']) {
      const at = numberOf(FRAME['size']) + numberOf(CALL['room']);
      const room = frame.length >= at + 4 ? frame.readUInt32LE(at) : Infinity;
      if (room > limits.data) {
        this.end();
        return;
      }
      cost += room;
    }
    this.costs.push(cost);
    this.cost += cost;
    handOn(this.id, frame);
  }

  /** @param {Buffer} body */
  introduce(body) {
    const size = numberOf(HELLO['size']);
    const isHello =
      body.length >= size &&
      body.readUInt32LE(numberOf(HELLO['magic'])) === numbers.magic &&
      body.readUInt16LE(numberOf(HELLO['version'])) === numbers.version &&
      body.length === size + body.readUInt16LE(numberOf(HELLO['tokenSize']));
    if (!isHello || !this.knowsToken(body.subarray(size))) {
      this.end();
      return;
    }
    clearTimeout(this.timer);
    this.isKnown = true;
    const answer = control(numberOf(KIND['WELCOME']), numberOf(WELCOME['size']));
    const at = numberOf(FRAME['size']);
    answer.writeUInt32LE(numbers.magic, at + numberOf(WELCOME['magic']));
    answer.writeUInt16LE(numbers.version, at + numberOf(WELCOME['version']));
    answer.writeUInt32LE(process.pid, at + numberOf(WELCOME['pid']));
    answer.writeUInt32LE(limits.data, at + numberOf(WELCOME['dataLimit']));
    this.socket.write(answer);
  }

  /** In a time that tells nothing. @param {Buffer} token */
  knowsToken(token) {
    if (this.token === '') return true;
    /** @param {string | Buffer} text */
    const digest = (text) => createHash('sha256').update(text).digest();
    return timingSafeEqual(digest(token), digest(this.token));
  }

  /** @param {Buffer[]} frames answers */
  answer(frames) {
    if (this.isOver) return;
    const at = numberOf(FRAME['kind']);
    const answered = frames.filter((frame) => frame[at] !== KIND['PROGRESS']).length;
    for (const cost of this.costs.splice(0, answered)) this.cost -= cost;
    const [only] = frames;
    this.socket.write(frames.length === 1 && only !== undefined ? only : Buffer.concat(frames));
    this.goOn();
  }

  end() {
    if (this.isOver) return;
    this.isOver = true;
    clearTimeout(this.timer);
    connections.delete(this.id);
    this.parts = [];
    this.socket.destroy();
    if (this.isKnown) handOn(this.id, control(numberOf(KIND['LOST'])));
  }

  /** What was answered goes out still. */
  close() {
    this.isOver = true;
    clearTimeout(this.timer);
    connections.delete(this.id);
    this.socket.destroySoon();
  }
}

/** @type {NodeJS.Timeout | undefined} */
let alarm;

/** @param {number} milliseconds from now */
function setAlarm(milliseconds) {
  clearTimeout(alarm);
  alarm = setTimeout(() => handOn(0, control(numberOf(KIND['ALARM']))), milliseconds);
}

/** @type {net.Server[]} */
const servers = [];

function stop() {
  clearTimeout(alarm);
  for (const server of servers) server.close();
  for (const connection of [...connections.values()]) connection.close();
  Atomics.store(shared, numberOf(WORD['state']), numberOf(STATE['ended']));
  Atomics.notify(shared, numberOf(WORD['state']));
  port.close();
}

/** Answers of the engine, each with its connection before it. @param {Uint8Array} message */
function deliver(message) {
  const bytes = Buffer.from(message.buffer, message.byteOffset, message.byteLength);
  /** @type {Map<number, Buffer[]>} */
  const answers = new Map();
  let isOver = false;
  for (let at = 0; at < bytes.length;) {
    const connection = bytes.readUInt32LE(at);
    const size = bytes.readUInt32LE(at + 4) + 4;
    const frame = bytes.subarray(at + 4, at + 4 + size);
    at += 4 + size;
    const kind = frame[numberOf(FRAME['kind'])];
    if (kind === KIND['ALARM']) setAlarm(frame.readUInt32LE(numberOf(FRAME['id'])));
    else if (kind === KIND['DROP']) connections.get(connection)?.end();
    else if (kind === KIND['END']) isOver = true;
    else {
      const list = answers.get(connection);
      if (list === undefined) answers.set(connection, [frame]);
      else list.push(frame);
    }
  }
  for (const [connection, frames] of answers) connections.get(connection)?.answer(frames);
  if (isOver) stop();
}

/** @param {unknown} error */
function tell(error) {
  // First the reason: who waits looks for it as soon as the state says that there is one.
  port.postMessage(error instanceof Error ? error.message : String(error));
  Atomics.store(shared, numberOf(WORD['state']), numberOf(STATE['failed']));
  Atomics.add(shared, numberOf(WORD['posted']), 1);
  Atomics.notify(shared, numberOf(WORD['state']));
}

/** @param {string} token */
function acceptor(token) {
  return (/** @type {net.Socket} */ socket) => {
    if (connections.size >= limits.connections) {
      socket.destroy();
      return;
    }
    socket.setNoDelay(true);
    const connection = new Connection(socket, token);
    connections.set(connection.id, connection);
  };
}

/** Throws if it is not a directory of ours alone. */
function prepareDirectory() {
  if (place.directory === '') return;
  fs.mkdirSync(place.directory, { recursive: true, mode: DIRECTORY_MODE });
  const { uid, mode } = fs.lstatSync(place.directory);
  const isOurs = uid === process.getuid?.() && (mode & 0o170_077) === 0o040_000;
  if (!isOurs) throw new Error(`${place.directory} is no directory of this user alone`);
}

/** Port for other machines. @type {number | undefined} */
let outside;

/** The socket gets its name, unless the engine was stopped meanwhile. */
function publish() {
  const { starting = 0, publishing = 0, ready = 0 } = STATE;
  const state = numberOf(WORD['state']);
  if (Atomics.compareExchange(shared, state, starting, publishing) !== starting) return;
  try {
    const record = `${JSON.stringify({ pid: process.pid, socket: place.socket, port: outside })}\n`;
    fs.writeFileSync(`${place.record}.new`, record, { mode: FILE_MODE });
    fs.renameSync(`${place.record}.new`, place.record);
    if (place.first !== '') {
      fs.chmodSync(place.first, FILE_MODE);
      fs.renameSync(place.first, place.socket);
    }
    Atomics.store(shared, state, ready);
    Atomics.notify(shared, state);
  } catch (error) {
    tell(error);
  }
}

function listen() {
  const path = place.first === '' ? place.socket : place.first;
  if (place.first !== '') {
    prepareDirectory();
    fs.mkdirSync(dirname(path), { recursive: true, mode: DIRECTORY_MODE });
    fs.rmSync(path, { force: true });
  }
  const server = net.createServer(acceptor(''));
  servers.push(server);
  server.on('error', tell);
  const listenHere = () => void server.listen(path, publish);
  if (tcp === undefined) listenHere();
  else listenOutside(tcp, listenHere);
}

/** @param {Tcp} where @param {() => void} then */
function listenOutside({ host, port: number, key, cert, token }, then) {
  const accept = acceptor(token);
  const server =
    cert === ''
      ? net.createServer(accept)
      : tls.createServer({ key: fs.readFileSync(key), cert: fs.readFileSync(cert) }, accept);
  servers.push(server);
  server.on('error', tell);
  server.on('tlsClientError', () => undefined);
  server.listen({ host, port: number }, () => {
    const address = server.address();
    outside = typeof address === 'string' || address === null ? undefined : address.port;
    then();
  });
}

port.on('message', (/** @type {unknown} */ message) => {
  deliver(/** @type {Uint8Array} */ (message));
});
try {
  listen();
} catch (error) {
  tell(error);
}
