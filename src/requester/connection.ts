/**
 * The client's end of a connection to a requester: requests go out together, answers find who asked.
 *
 * Invariant: every request is answered or fails; when the connection is lost all fail at once, and those
 * that come later too.
 */
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { u16, u32 } from '../microkernel/bytes.js';
import { BtrieveError, Status } from '../microkernel/status.js';
import { DirectLine } from './direct-line.js';
import {
  errorFromJson,
  FRAME_LIMIT,
  FrameReader,
  FrameWriter,
  HELLO_MAGIC,
  jsonFrom,
  KIND,
  PROTOCOL_VERSION,
  viewOf,
  WELCOME,
  type Address,
  type CallRequest,
  type Frame,
} from './protocol.js';

/** How an engine is reached that is not one of this user on this machine. */
export interface TcpAddress {
  readonly host: string;
  readonly port: number;
  readonly token?: string;
  /** Certificates that are trusted, PEM; with it the connection is encrypted. */
  readonly ca?: string;
}

interface Asked {
  readonly resolve: (frame: Frame) => void;
  readonly reject: (error: BtrieveError) => void;
  readonly onProgress?: ((body: Uint8Array) => void) | undefined;
}

export class Connection {
  readonly #socket: Socket;
  readonly #output = new FrameWriter();
  readonly #asked = new Map<number, Asked>();
  readonly #input = new FrameReader(FRAME_LIMIT + FRAME_LIMIT);
  readonly #direct = new FrameWriter();
  readonly #line: DirectLine | undefined;
  #lastId = 0;
  #lastSession = 0;
  #isFlushDue = false;
  #failure: BtrieveError | undefined;
  #isClosing = false;
  #ended: Promise<void> | undefined;
  #welcome: Asked | undefined;
  /** Of the engine. */
  pid = 0;

  private constructor(socket: Socket, isNear: boolean) {
    this.#socket = socket;
    this.#line = isNear ? this.#directLine() : undefined;
    socket.setNoDelay(true);
    socket.on('data', (bytes) => this.#take(bytes));
    socket.on('error', (error: NodeJS.ErrnoException) => this.#fail(error.code ?? error.message));
    socket.on('close', () => this.#fail(isNear || this.pid !== 0 ? 'it was closed' : NOT_LET_IN));
  }

  #directLine(): DirectLine {
    return new DirectLine({
      ask: async () => jsonFrom(await this.ask(0, KIND.DIRECT, null)),
      onFrame: (frame) => this.#answer(frame),
      onLost: () => void this.#fail('its direct way was closed'),
      again: (frame) => {
        this.#output.add(frame, KIND.AGAIN, frame.body);
        this.#flushSoon();
      },
    });
  }

  /** Connects and introduces itself. Throws 3106, with the system's word for it as `reason`. */
  static async open(
    to: string | TcpAddress,
    timeoutMs: number,
    tokenText = typeof to === 'string' ? '' : (to.token ?? ''),
  ): Promise<Connection> {
    const connection =
      typeof to === 'string'
        ? new Connection(connectTcp(to), true)
        : new Connection(dial(to), false);
    connection.#output.addHello(Buffer.from(tokenText));
    connection.#flush();
    const timer = setTimeout(() => connection.#fail('no answer in time'), timeoutMs);
    try {
      const { body } = await new Promise<Frame>((resolve, reject) => {
        connection.#welcome = { resolve, reject };
      });
      connection.#checkWelcome(body);
      return connection;
    } finally {
      clearTimeout(timer);
    }
  }

  #checkWelcome(body: Uint8Array): void {
    const view = viewOf(body);
    const isSound =
      body.length === WELCOME.size &&
      u32(view, WELCOME.magic) === HELLO_MAGIC &&
      u16(view, WELCOME.version) === PROTOCOL_VERSION;
    if (!isSound) throw this.#fail('it speaks another protocol');
    this.pid = u32(view, WELCOME.pid);
  }

  /** A request that is answered by JSON. Throws what the engine has refused it with, 3106. */
  async ask(
    session: number,
    kind: number,
    body: unknown,
    timeoutMs?: number,
    onProgress?: (body: Uint8Array) => void,
  ): Promise<Uint8Array> {
    const address = this.#nextAddress(session);
    const answer = this.#answerTo(address, timeoutMs, onProgress);
    this.#line?.sendAgain();
    this.#output.addJson(address, kind, body);
    this.#flushSoon();
    return (await answer).body;
  }

  /** A classic call. The body of its answer. */
  async call(session: number, request: CallRequest): Promise<Uint8Array> {
    const isAlone = this.#asked.size === 0;
    const address = this.#nextAddress(session);
    const answer = this.#answerTo(address);
    if (this.#line?.isFor(isAlone, request) === true) {
      this.#direct.addCall(address, request);
      this.#line.send(this.#direct.take());
    } else {
      this.#line?.sendAgain();
      this.#output.addCall(address, request);
      this.#flushSoon();
    }
    return (await answer).body;
  }

  /** A number for another client. */
  nextSession(): number {
    return ++this.#lastSession;
  }

  #nextAddress(session: number): Address {
    if (this.#failure !== undefined) throw this.#failure;
    this.#lastId = (this.#lastId + 1) >>> 0;
    return { id: this.#lastId, session };
  }

  #answerTo(
    { id }: Address,
    timeoutMs?: number,
    onProgress?: (body: Uint8Array) => void,
  ): Promise<Frame> {
    return new Promise((resolve, reject) => {
      if (timeoutMs === undefined) {
        this.#asked.set(id, { resolve, reject });
        return;
      }
      const timer = setTimeout(() => {
        this.#asked.delete(id);
        reject(unanswered(this.pid, timeoutMs));
      }, timeoutMs);
      const done = (): void => {
        clearTimeout(timer);
      };
      this.#asked.set(id, {
        onProgress,
        resolve: (frame) => {
          done();
          resolve(frame);
        },
        reject: (error) => {
          done();
          reject(error);
        },
      });
    });
  }

  /** What is asked for in one go goes out in one go. */
  #flushSoon(): void {
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    queueMicrotask(() => this.#flush());
  }

  #flush(): void {
    this.#isFlushDue = false;
    if (this.#output.length > 0 && !this.#socket.destroyed) this.#socket.write(this.#output.take());
  }

  #take(bytes: Uint8Array): void {
    const isSound = this.#input.take(bytes, (frame) => {
      this.#line?.note(frame);
      this.#answer(frame);
    });
    if (!isSound) this.#fail('what it sends makes no sense');
  }

  #answer(frame: Frame): void {
    if (frame.kind === KIND.WELCOME) {
      this.#welcome?.resolve(frame);
      this.#welcome = undefined;
      return;
    }
    if (frame.kind === KIND.SEEN) return;
    const asked = this.#asked.get(frame.id);
    if (frame.kind === KIND.PROGRESS) {
      asked?.onProgress?.(frame.body);
      return;
    }
    this.#asked.delete(frame.id);
    if (frame.kind === KIND.FAILED) asked?.reject(errorFromBody(frame.body));
    else asked?.resolve(frame);
  }

  #fail(why: string): BtrieveError {
    if (this.#failure !== undefined) return this.#failure;
    const details = { reason: 'connection', found: why };
    const message = 'the connection to the engine is lost';
    const failure = new BtrieveError(Status.NL_CONNECTION_FAILURE, message, details);
    this.#failure = failure;
    this.#socket.destroy();
    this.#line?.close();
    this.#welcome?.reject(failure);
    const asked = [...this.#asked.values()];
    this.#asked.clear();
    for (const { reject } of asked) reject(failure);
    return failure;
  }

  /** Settles when the engine has gone. */
  get ended(): Promise<void> {
    if (this.#failure !== undefined) return Promise.resolve();
    this.#ended ??= new Promise((resolve) => this.#socket.once('close', () => resolve()));
    return this.#ended;
  }

  /** What was asked for and is not answered fails. */
  close(): void {
    this.#flush();
    this.#failure ??= new BtrieveError(Status.NL_NOT_CONNECTED, 'the connection was closed');
    for (const { reject } of this.#asked.values()) reject(this.#failure);
    this.#asked.clear();
    this.#line?.close();
    // Each time it would listen once more for the end of a socket that is lost, or has begun to end.
    if (!this.#isClosing && !this.#socket.destroyed) this.#socket.destroySoon();
    this.#isClosing = true;
  }
}

/** An engine does not say why it lets somebody from elsewhere not in. */
const NOT_LET_IN =
  'it was closed before an answer: is the token the right one, and the connection encrypted (ca) as the engine has it?';

function dial({ host, port, ca }: TcpAddress): Socket {
  return ca === undefined ? connectTcp({ host, port }) : connectTls({ host, port, ca });
}

function errorFromBody(body: Uint8Array): BtrieveError {
  try {
    return errorFromJson(JSON.parse(Buffer.from(body).toString()), Status.PROGRAMMING_ERROR);
  } catch {
    return errorFromJson(undefined, Status.PROGRAMMING_ERROR);
  }
}

/** The engine is there, and does nothing. */
export function unanswered(pid: number, timeoutMs: number): BtrieveError {
  const message =
    `process ${pid} has the engine and has not answered for ${timeoutMs} ms: ` +
    'it neither yields nor works with the engine';
  return new BtrieveError(Status.NL_CONNECTION_FAILURE, message, {
    ...{ reason: 'unanswered', found: String(pid) },
  });
}
