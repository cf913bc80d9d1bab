/**
 * The direct way into an engine: a socket of the engine's own thread, for calls that are made one at a time
 * while its program yields. It spares them two changes of threads.
 *
 * It is an addition to a connection and never its only way: what is not answered in a moment, because the
 * program does not yield, is sent again through the thread of the sockets; see `direct-line.ts`.
 *
 * Invariants:
 * - Nobody is let in without the key that his connection was given; one way for each connection.
 * - Whatever is no call within `DIRECT_LIMIT` ends the way; what a client does not read is bounded.
 * - It does not keep the process alive, and when `close` returns nobody can come in any more.
 */
import { chmodSync, rmSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import { setU16, setU32, u16, u32 } from '../microkernel/bytes.js';
import {
  CALL,
  DATA_LIMIT,
  DIRECT_LIMIT,
  DIRECT_WAY,
  FRAME,
  FrameReader,
  FrameWriter,
  HELLO,
  HELLO_MAGIC,
  KIND,
  PROTOCOL_VERSION,
  viewOf,
  WELCOME,
  type Frame,
} from './protocol.js';
import type { Transport } from './server.js';

/** Milliseconds until who has come in has shown a key. */
const HANDSHAKE_MS = 5000;
/** Sockets that have shown no key, at the most. */
const STRANGERS = 16;
/** Bytes of answers that are not read, at the most. */
const UNREAD_LIMIT = 4 * DIRECT_LIMIT;
const KEY_SIZE = 24;
/** Only the user may connect. */
const SOCKET_MODE = 0o600;

export interface DirectDoorOptions {
  /** Path of the socket, or name of the pipe. */
  readonly path: string;
  /** The way that is always there. */
  readonly thread: Pick<Transport, 'receive' | 'send'>;
  /** Calls have come in. Called by the event loop. */
  readonly onCalls: () => void;
}

/** What a client has to know to come in. */
interface Invitation {
  readonly socket: string;
  readonly key: string;
}

/** Both ways of every connection, as one. */
export class DirectDoor implements Transport {
  readonly #options: DirectDoorOptions;
  /** Connections by the key that they were given and have not used. */
  readonly #keys = new Map<string, number>();
  readonly #sockets = new Map<number, Socket>();
  readonly #strangers = new Set<Socket>();
  readonly #received: Uint8Array[] = [];
  #server: Server | undefined;
  #listening: Promise<void> | undefined;

  constructor(options: DirectDoorOptions) {
    this.#options = options;
  }

  /** Connections that have come in. */
  get size(): number {
    return this.#sockets.size;
  }

  receive(): Uint8Array | undefined {
    return this.#received.shift() ?? this.#options.thread.receive();
  }

  /** Frames for clients, each by the way that its connection's number says. */
  send(frames: Uint8Array<ArrayBuffer>): void {
    if (this.#sockets.size === 0) {
      this.#options.thread.send(frames);
      return;
    }
    const others: Uint8Array[] = [];
    for (let at = 0; at < frames.length;) {
      const way = u32(viewOf(frames), at);
      const size = 4 + u32(viewOf(frames), at + 4);
      if (way >= DIRECT_WAY) this.#answer(way, frames.subarray(at + 4, at + 4 + size));
      else others.push(frames.subarray(at, at + 4 + size));
      at += 4 + size;
    }
    if (others.length > 0) this.#options.thread.send(new Uint8Array(Buffer.concat(others)));
  }

  #answer(way: number, frame: Uint8Array): void {
    const socket = this.#sockets.get(way - DIRECT_WAY);
    if (socket === undefined) return;
    if (socket.writableLength > UNREAD_LIMIT) socket.destroy();
    else socket.write(frame);
  }

  /** Lets a connection in, once it shows the key. Rejects if there is no socket to be had. */
  async direct(connection: number): Promise<Invitation> {
    this.lost(connection);
    const key = randomBytes(KEY_SIZE).toString('hex');
    this.#keys.set(key, connection);
    this.#listening ??= this.#listen();
    await this.#listening;
    return { socket: this.#options.path, key };
  }

  /** The connection has ended, or begins anew. */
  lost(connection: number): void {
    for (const [key, whose] of this.#keys) if (whose === connection) this.#keys.delete(key);
    this.#sockets.get(connection)?.destroy();
    this.#sockets.delete(connection);
  }

  #listen(): Promise<void> {
    const { path } = this.#options;
    const isFile = process.platform !== 'win32';
    return new Promise((resolve, reject) => {
      // Of an engine that has died: the lock of the root is ours.
      if (isFile) rmSync(path, { force: true });
      const server = createServer((socket) => this.#letIn(socket));
      this.#server = server;
      server.unref();
      server.on('error', reject);
      server.listen(path, () => {
        if (isFile) chmodSync(path, SOCKET_MODE);
        resolve();
      });
    });
  }

  #letIn(socket: Socket): void {
    if (this.#strangers.size >= STRANGERS) {
      socket.destroy();
      return;
    }
    this.#strangers.add(socket);
    const timer = setTimeout(() => socket.destroy(), HANDSHAKE_MS).unref();
    const reader = new FrameReader(FRAME.size + DIRECT_LIMIT);
    let connection: number | undefined;
    const onFrame = (frame: Frame, bytes: Uint8Array): void => {
      if (socket.destroyed) return;
      if (connection !== undefined) {
        if (isDirectCall(frame)) this.#keep(connection, bytes);
        else socket.destroy();
        return;
      }
      connection = this.#whose(frame);
      if (connection === undefined) {
        socket.destroy();
        return;
      }
      clearTimeout(timer);
      this.#strangers.delete(socket);
      this.#sockets.set(connection, socket);
      socket.write(welcome());
    };
    socket.unref();
    socket.on('data', (bytes) => {
      if (!reader.take(bytes, onFrame)) socket.destroy();
      if (this.#received.length > 0) this.#options.onCalls();
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      clearTimeout(timer);
      this.#strangers.delete(socket);
      if (connection === undefined || this.#sockets.get(connection) !== socket) return;
      this.#sockets.delete(connection);
    });
  }

  #keep(connection: number, frame: Uint8Array): void {
    const bytes = new Uint8Array(4 + frame.length);
    setU32(viewOf(bytes), 0, connection + DIRECT_WAY);
    bytes.set(frame, 4);
    this.#received.push(bytes);
  }

  /** The connection that was given the key of a HELLO. A key is good once. */
  #whose({ kind, body }: Frame): number | undefined {
    if (kind !== KIND.HELLO || body.length < HELLO.size) return undefined;
    const view = viewOf(body);
    if (u32(view, HELLO.magic) !== HELLO_MAGIC) return undefined;
    if (u16(view, HELLO.version) !== PROTOCOL_VERSION) return undefined;
    const key = Buffer.from(body.subarray(HELLO.size)).toString('latin1');
    const connection = this.#keys.get(key);
    this.#keys.delete(key);
    return connection;
  }

  /** Nobody comes in any more; what was answered goes out still. */
  close(): void {
    this.#keys.clear();
    this.#received.length = 0;
    this.#server?.close();
    for (const socket of this.#strangers) socket.destroy();
    for (const socket of this.#sockets.values()) socket.destroySoon();
    this.#sockets.clear();
    this.#server = undefined;
  }
}

/** A call that may come this way; what else it must be, the server finds out. */
function isDirectCall({ kind, body }: Frame): boolean {
  return (
    kind === KIND.CALL && body.length >= CALL.size && u32(viewOf(body), CALL.room) <= DIRECT_LIMIT
  );
}

function welcome(): Uint8Array {
  const body = new Uint8Array(WELCOME.size);
  const view = viewOf(body);
  setU32(view, WELCOME.magic, HELLO_MAGIC);
  setU16(view, WELCOME.version, PROTOCOL_VERSION);
  setU32(view, WELCOME.pid, process.pid);
  setU32(view, WELCOME.dataLimit, DATA_LIMIT);
  const frame = new FrameWriter();
  frame.add({ id: 0, session: 0 }, KIND.WELCOME, body);
  return frame.take();
}
