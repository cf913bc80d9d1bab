/**
 * The engine's end of the thread that owns the sockets (`socket-worker.js`): messages in both directions,
 * and a word in shared memory that tells of them to an engine that does not yield.
 *
 * Invariants: it does not keep the process alive; when `close` returns nobody can connect any more, and
 * what was sent before has been handed to the system.
 */
import {
  MessageChannel,
  receiveMessageOnPort,
  Worker,
  type MessagePort,
} from 'node:worker_threads';
import { BtrieveError, Status } from '../microkernel/status.js';
import {
  CALL,
  DATA_LIMIT,
  FRAME,
  FRAME_LIMIT,
  HELLO,
  HELLO_MAGIC,
  IN_FLIGHT_LIMIT,
  KIND,
  PROTOCOL_VERSION,
  WELCOME,
} from './protocol.js';
import type { RequesterPlace } from './runtime-directory.js';

/** Indexes of the shared words. */
const WORD = Object.freeze({ posted: 0, state: 1 });
const STATE = Object.freeze({
  starting: 0,
  publishing: 1,
  ready: 2,
  failed: 3,
  ended: 4,
  stopped: 5,
});

/** What a requester takes on, at the most. */
export interface RequesterLimits {
  /** Connections at a time. */
  readonly connections: number;
  /** Milliseconds until a connection has introduced itself. */
  readonly handshakeMs: number;
}

/** Also from other machines, or without the rights to the root. */
export interface TcpPlace {
  readonly host: string;
  readonly port: number;
  /** Asked for. */
  readonly token: string;
  /** Files of the key and the certificate, PEM; empty for no encryption. */
  readonly key: string;
  readonly cert: string;
}

/** Throws 160 for a place that is not safe: whoever can reach it needs a token, from elsewhere also TLS. */
export function assertSafe({ host, port, token, key, cert }: TcpPlace): void {
  const isLocal = LOOPBACK.includes(host);
  const isPort = Number.isInteger(port) && port >= 0 && port <= 0xffff;
  const hasTls = key !== '' && cert !== '';
  const isHalf = (key === '') !== (cert === '');
  if (isPort && !isHalf && token.length >= TOKEN_LEAST && (isLocal || hasTls)) return;
  throw new BtrieveError(Status.INVALID_PARAMETER_TO_MKDE, 'TCP is not switched on like that', {
    reason: 'tcp',
    expected:
      `a port from 0 to 65535, a token of at least ${TOKEN_LEAST} characters, and for other ` +
      `hosts than ${LOOPBACK.join(', ')} a TLS key and certificate`,
    found: `${host}:${port}, ${hasTls ? 'TLS' : 'no TLS'}, a token of ${token.length} characters`,
  });
}

const LOOPBACK = ['127.0.0.1', '::1', 'localhost'];
const TOKEN_LEAST = 16;

export interface SocketThreadOptions {
  readonly place: RequesterPlace;
  readonly tcp?: TcpPlace | undefined;
  readonly limits: RequesterLimits;
  /** Something has come in. Called by the event loop. */
  readonly onMessage: () => void;
  /** There is no requester, and why. */
  readonly onFailure: (message: string) => void;
}

/** Bytes of requests that are not answered and their answers, for one connection, beside the first one. */
const BYTES_LIMIT = 4 * 1024 * 1024;
/** Up to so many bytes it is quicker to copy a message than to give it away. */
const COPY_LIMIT = 4096;
/** Longer nobody waits for the thread to let go; it needs microseconds. */
const CLOSE_LIMIT_MS = 1000;

export class SocketThread {
  /** The first word counts what has come in. */
  readonly words = new Int32Array(new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT));
  readonly #port: MessagePort;
  readonly #worker: Worker;
  readonly #options: SocketThreadOptions;
  /** Came in, and was not asked for yet. */
  readonly #received: Uint8Array[] = [];

  /** Throws what the system says if there is no thread to be had. */
  constructor(options: SocketThreadOptions) {
    this.#options = options;
    const { place, tcp, limits } = options;
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    const numbers = {
      ...{ kind: KIND, frame: FRAME, hello: HELLO, welcome: WELCOME, call: CALL },
      ...{ word: WORD, state: STATE, magic: HELLO_MAGIC, version: PROTOCOL_VERSION },
    };
    const sizes = { frame: FRAME_LIMIT, data: DATA_LIMIT, bytes: BYTES_LIMIT };
    this.#worker = new Worker(new URL('./socket-worker.js', import.meta.url), {
      name: 'isamite-requester',
      workerData: {
        ...{ shared: this.words, port: port2, place, tcp, numbers },
        limits: { ...limits, ...sizes, inFlight: IN_FLIGHT_LIMIT },
      },
      transferList: [port2],
      // As for the thread that writes: nothing of the host is loaded.
      execArgv: [],
      env: {},
    });
    this.#worker.unref();
    this.#worker.on('error', ({ message }) => options.onFailure(message));
    port1.on('message', (message: Uint8Array | string) => {
      this.#keep(message);
      options.onMessage();
    });
    port1.unref();
  }

  #keep(message: Uint8Array | string): void {
    if (typeof message === 'string') this.#options.onFailure(message);
    else this.#received.push(message);
  }

  /** The next frames that have come in, each with its connection before it. */
  receive(): Uint8Array | undefined {
    if (this.#received.length === 0) {
      const next = receiveMessageOnPort(this.#port) as
        { readonly message: Uint8Array | string } | undefined;
      if (next !== undefined) this.#keep(next.message);
    }
    return this.#received.shift();
  }

  /** Frames for clients, each with its connection before it. */
  send(frames: Uint8Array<ArrayBuffer>): void {
    if (frames.length <= COPY_LIMIT) this.#port.postMessage(frames);
    else this.#port.postMessage(frames, [frames.buffer]);
  }

  /** Whether clients can connect; it takes a moment after the start. */
  get isReady(): boolean {
    return Atomics.load(this.words, WORD.state) === STATE.ready;
  }

  /** Sleeps until clients can connect, for so long at the most. For tests and the daemon. */
  waitUntilReady(timeoutMs: number): boolean {
    const until = performance.now() + timeoutMs;
    for (;;) {
      const state = Atomics.load(this.words, WORD.state);
      const left = until - performance.now();
      if (state > STATE.publishing || left <= 0) {
        if (state === STATE.failed) this.#takeReason();
        return state === STATE.ready;
      }
      Atomics.wait(this.words, WORD.state, state, left);
    }
  }

  /** Why there is no requester: who waits now may stop the engine next, and nobody would hear of it. */
  #takeReason(): void {
    const next = receiveMessageOnPort(this.#port) as { readonly message: string } | undefined;
    if (next !== undefined) this.#keep(next.message);
  }

  /**
   * Nobody is let in any more. `remove` takes away the names that clients find it by, while nobody else can
   * have them.
   */
  close(end: Uint8Array<ArrayBuffer>, remove: () => void): void {
    const { starting, publishing, ready, stopped } = STATE;
    const before = Atomics.compareExchange(this.words, WORD.state, starting, stopped);
    if (before === publishing) Atomics.wait(this.words, WORD.state, publishing, CLOSE_LIMIT_MS);
    if (before !== starting) remove();
    if (this.isReady) {
      this.send(end);
      Atomics.wait(this.words, WORD.state, ready, CLOSE_LIMIT_MS);
    } else {
      void this.#worker.terminate();
    }
    this.#port.close();
  }
}
