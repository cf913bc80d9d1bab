/**
 * The client's end of the direct way into an engine (`direct-door.ts`).
 *
 * Owns: when a call goes this way, which is only while nothing else is under way, so that it cannot overtake
 * anything; and the one call that does.
 *
 * Invariant: what has gone this way and is not answered goes once more over the connection itself, before
 * anything else and after a moment at the latest; the engine carries out only what comes first. So a
 * program that does not yield is reached as without a direct way.
 */
import { connect, type Socket } from 'node:net';
import {
  DIRECT_LIMIT,
  FRAME,
  frameAt,
  FrameReader,
  FrameWriter,
  KIND,
  type CallRequest,
  type Frame,
} from './protocol.js';

/** Calls one at a time, before it is worth asking for the direct way. */
const FIRST_AFTER = 32;
/** The same before it is used again after others. */
const AGAIN_AFTER = 8;
/** The same, at the most, after calls that had to be sent again: four times as many each time. */
const AFTER_LIMIT = 1 << 20;
/** Calls that were sent again and may lie unread on this way, before it is used less. The engine bears 64. */
const UNREAD_CALLS = 16;
/** Milliseconds without an answer. */
const PATIENCE_MS = 4;
/** Bytes of an answer: the data buffer, a key, an error. */
const ANSWER_LIMIT = FRAME.size + 8 * DIRECT_LIMIT;

export interface DirectLineOptions {
  /** Asks the engine for the way: the JSON of its answer. Rejects if there is none. */
  readonly ask: () => Promise<unknown>;
  readonly onFrame: (frame: Frame) => void;
  /** Something that was sent may be lost. */
  readonly onLost: () => void;
  /** What has gone this way is to be sent once more. */
  readonly again: (frame: Frame) => void;
}

export class DirectLine {
  readonly #options: DirectLineOptions;
  #socket: Socket | undefined;
  #isAsked = false;
  #isOpen = false;
  /** Calls one at a time since there was another one. */
  #alone = 0;
  #needed = AGAIN_AFTER;
  /** What has gone this way, and is not answered by any. */
  #pending: Frame | undefined;
  #isSentAgain = false;
  #isLate = false;
  /** Calls that have gone this way since the last answer that came by it. */
  #unread = 0;
  #since = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: DirectLineOptions) {
    this.#options = options;
  }

  /** A call is about to be made; whether it can go this way. */
  isFor(isAlone: boolean, { room, data, keyLength }: CallRequest): boolean {
    this.#alone = isAlone ? this.#alone + 1 : 0;
    if (!this.#isOpen) {
      if (this.#alone >= FIRST_AFTER && !this.#isAsked) void this.#open();
      return false;
    }
    return this.#alone > this.#needed && room + data.length + keyLength < DIRECT_LIMIT / 2;
  }

  /** The frame of a call, alone under way. */
  send(bytes: Uint8Array): void {
    this.#pending = frameAt(bytes, 0);
    this.#isSentAgain = false;
    this.#isLate = false;
    this.#unread++;
    this.#since = performance.now();
    this.#timer?.refresh();
    this.#socket?.write(bytes);
  }

  /** Something is about to be sent over the connection: what is under way here goes before it. */
  sendAgain(): void {
    if (this.#pending === undefined || this.#isSentAgain) return;
    this.#isSentAgain = true;
    this.#options.again(this.#pending);
  }

  /** An answer that came over the connection. */
  note({ id, kind }: Frame): void {
    if (id !== this.#pending?.id || kind === KIND.SEEN) return;
    this.#pending = undefined;
    // It had not come here: the program does not yield.
    const isUnused = this.#isLate || this.#unread > UNREAD_CALLS;
    if (isUnused) this.#needed = Math.min(4 * this.#needed, AFTER_LIMIT);
  }

  #isTimeUp(): void {
    if (this.#pending === undefined) return;
    if (performance.now() - this.#since < PATIENCE_MS) {
      this.#timer?.refresh();
      return;
    }
    this.#isLate = true;
    this.#alone = 0;
    this.sendAgain();
  }

  async #open(): Promise<void> {
    this.#isAsked = true;
    try {
      const { socket, key } = invitationFrom(await this.#options.ask());
      if (this.#timer !== undefined) return;
      this.#timer = setTimeout(() => this.#isTimeUp(), PATIENCE_MS).unref();
      this.#connect(socket, key);
    } catch {
      // The connection itself goes on being enough.
    }
  }

  #connect(path: string, key: string): void {
    const socket = connect(path).unref();
    this.#socket = socket;
    const hello = new FrameWriter();
    hello.addHello(Buffer.from(key, 'latin1'));
    socket.write(hello.take());
    const reader = new FrameReader(ANSWER_LIMIT);
    socket.on('data', (bytes) => {
      if (!reader.take(bytes, (frame) => this.#take(frame))) socket.destroy();
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#lost());
  }

  #take(frame: Frame): void {
    if (frame.kind === KIND.WELCOME) {
      this.#isOpen = true;
      return;
    }
    this.#unread = 0;
    if (frame.id === this.#pending?.id) this.#pending = undefined;
    this.#options.onFrame(frame);
  }

  #lost(): void {
    const wasUsed = this.#isOpen && this.#pending !== undefined;
    this.close();
    if (wasUsed) this.#options.onLost();
  }

  close(): void {
    this.#isAsked = true;
    this.#isOpen = false;
    this.#pending = undefined;
    clearTimeout(this.#timer);
    this.#socket?.destroy();
  }
}

function invitationFrom(value: unknown): { socket: string; key: string } {
  const { socket, key } = value as { socket?: unknown; key?: unknown };
  if (typeof socket !== 'string' || typeof key !== 'string') throw new TypeError('no invitation');
  return { socket, key };
}
