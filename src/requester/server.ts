/**
 * Serves clients in other processes: takes their requests between two operations of the engine, carries
 * them out, and answers.
 *
 * Owns: the sessions, who waits for a lock, and when an answer may leave.
 *
 * Invariants:
 * - Requests of one session are carried out in the order in which they came, one at a time.
 * - A call that meets a lock and waits gets its turn before every call that came later, as soon as what
 *   was in its way has gone; else its status when its time is up.
 * - Answers leave together, when everything that was appended to the log meanwhile is as safe as promised:
 *   n transactions that end together share one sync, and nobody reads of what could be lost.
 * - A connection that is lost takes its sessions with it: aborted, unlocked, closed; long work that it has
 *   asked for is ended where it is.
 * - Long work goes on in steps, one at a time, and leaves the others as much time as it takes.
 * - Nothing is thrown into the operation of the program that happens to serve.
 */
import type { OperationBoundary } from '../microkernel/operation-boundary.js';
import type { WaitGraph } from '../microkernel/files/wait-graph.js';
import type { WriteGate } from '../microkernel/files/write-gate.js';
import type { Clock } from '../microkernel/ports.js';
import { BtrieveError, Status } from '../microkernel/status.js';
import { isSteps, type AdministrationSteps } from './administration.js';
import { LongWork, type WorkAddress } from './long-work.js';
import {
  decodeCall,
  DIRECT_WAY,
  errorToJson,
  frameAt,
  FRAME,
  FrameWriter,
  IN_FLIGHT_LIMIT,
  isRecord,
  jsonFrom,
  KIND,
  viewOf,
  type CallResult,
  type Frame,
} from './protocol.js';
import {
  CallBuffers,
  isRepeatable,
  Session,
  WaitingCall,
  type AskedCall,
  type ServedClient,
} from './session.js';
import { WaitingRoom } from './waiting.js';

/** The engine, as a requester works with it. */
export interface ServedEngine {
  readonly boundary: OperationBoundary;
  readonly waits: WaitGraph;
  readonly gate: WriteGate;
  readonly clock: Clock;
  /** Milliseconds that a call waits for a lock. */
  readonly waitLockTimeoutMs: number;
  /** A new client. Throws 20. */
  client(name: string, directory: string | undefined): ServedClient;
  /** What it returns may be steps; see `AdministrationFunction`. */
  administer(
    name: string,
    args: Readonly<Record<string, unknown>>,
    tell?: (progress: unknown) => void,
  ): unknown;
  /** From here on what is appended to the log is not on disk when the operation returns. */
  beginGroup(): void;
  /** Whether there is such a thing. */
  readonly holdsGroup: boolean;
  /** All of it is on disk. Throws 38. */
  endGroup(): void;
  /** Somebody should know. */
  warn(text: string): void;
}

/** Messages to and from the sockets, and who may use the direct way. */
export interface Transport {
  receive(): Uint8Array | undefined;
  send(frames: Uint8Array<ArrayBuffer>): void;
  /** Lets a connection in the direct way: what its client has to know for that. */
  direct?(connection: number): Promise<unknown>;
  /** The connection has ended, and so does its direct way. */
  lost?(connection: number): void;
}

/** What came the direct way of a connection, and what was asked for again before that. */
interface DirectWay {
  last: number | undefined;
  /** In the order in which they are still to come the direct way, where they are passed over. */
  readonly again: number[];
}

/** Requests that are sent again and have not come the direct way, at the most. */
const AGAIN_LIMIT = 64;

/** Calls behind one that waits, at the most: those of the direct way nobody else counts. */
const QUEUE_LIMIT = 2 * IN_FLIGHT_LIMIT;

/** Where an answer stands among those that have not left. */
interface Answer {
  readonly connection: number;
  readonly id: number;
  readonly session: number;
  readonly at: number;
}

/** Work of the engine itself. */
const NOBODY: WorkAddress = { connection: 0, id: 0, session: 0 };
/** Milliseconds between two words of how far long work is. */
const PROGRESS_MS = 100;
/** Clients of one connection, at the most. */
const SESSION_LIMIT = 256;
/** Bytes of answers after which they leave before more is taken. */
const ANSWERS_LIMIT = 8 * 1024 * 1024;

export class Server {
  readonly #engine: ServedEngine;
  readonly #transport: Transport;
  readonly #connections = new Map<number, Map<number, Session>>();
  readonly #directWays = new Map<number, DirectWay>();
  readonly #waiting = new WaitingRoom<WaitingCall>();
  readonly #buffers = new CallBuffers();
  readonly #output = new FrameWriter();
  /** Answers in `#output` from the first one on that came after something not yet on disk. */
  readonly #held: Answer[] = [];
  readonly #work: LongWork;
  #alarmAt = Infinity;
  #isServing = false;
  #isClosed = false;
  #isTurnDue = false;
  #isWorkDue = false;
  #afterwards: (() => void) | undefined;

  constructor(engine: ServedEngine, transport: Transport) {
    this.#engine = engine;
    this.#transport = transport;
    this.#work = new LongWork(engine.clock, (text) => engine.warn(text));
    engine.waits.onFreed = (client) => this.#freed(client);
  }

  /** Sessions, and those of them that wait for a lock. */
  get statistics(): { connections: number; sessions: number; waiting: number } {
    let sessions = 0;
    for (const each of this.#connections.values()) sessions += each.size;
    return { connections: this.#connections.size, sessions, waiting: this.#waiting.size };
  }

  /** To be done when the answers that are being made have left. */
  afterwards(work: () => void): void {
    this.#afterwards = work;
  }

  /** No more is served. The sessions are the engine's to close. */
  close(): void {
    this.#isClosed = true;
    this.#engine.waits.onFreed = undefined;
    this.#connections.clear();
    this.#work.endAll();
  }

  /** What was in the way of a client has gone, maybe by an operation of the program itself. */
  #freed(client: object): void {
    if (!this.#waiting.freed(client) || this.#isServing) return;
    this.#engine.boundary.call();
    if (this.#isTurnDue) return;
    this.#isTurnDue = true;
    setImmediate(() => {
      this.#isTurnDue = false;
      this.serve();
    }).unref();
  }

  /** Does all that is to be done. Never throws. */
  readonly serve = (): void => {
    if (this.#isServing || this.#isClosed) return;
    this.#isServing = true;
    this.#engine.boundary.catchUp();
    this.#engine.beginGroup();
    try {
      this.#engine.gate.openIfDue();
      this.#expire();
      this.#takeTurns();
      this.#takeAll();
      this.#stepOn();
    } catch (error) {
      this.#engine.warn(
        `Serving failed: ${error instanceof Error ? error.message : String(error)}`,
      );
    } finally {
      this.#endGroup();
      this.#setAlarm();
      this.#isServing = false;
      this.#send();
    }
    this.#finish();
    this.#goOnWithWork();
  };

  #stepOn(): void {
    const ended = this.#isClosed ? undefined : this.#work.step();
    // What nobody waits for says itself what it came to.
    if (ended === undefined || ended.address === NOBODY) return;
    const { address, isFailed, answer } = ended;
    this.#noteAnswer(address.connection, address.id, address.session);
    if (isFailed) this.#output.addJson(address, KIND.FAILED, errorToJson(answer));
    else this.#output.addJson(address, KIND.DONE, answer ?? null);
  }

  /** At the next operation of the program, or by the event loop, whichever comes first. */
  #goOnWithWork(): void {
    if (this.#isClosed || this.#work.size === 0) return;
    this.#engine.boundary.call();
    if (this.#isWorkDue) return;
    this.#isWorkDue = true;
    setTimeout(() => {
      this.#isWorkDue = false;
      this.serve();
    }, this.#work.pauseMs).unref();
  }

  /** Long work that nobody waits for; it must say itself what it came to. */
  workOn(steps: AdministrationSteps): void {
    this.#work.add(NOBODY, steps);
    if (!this.#isServing) this.#goOnWithWork();
  }

  /**
   * Tells how far it is to who has asked for that, now and then. It leaves at once, past the answers that wait for the disk:
   * work may go on in one piece, and what it says now is of no use when it has ended.
   */
  #progressTo(address: WorkAddress): (value: unknown) => void {
    const { clock } = this.#engine;
    let last = -Infinity;
    return (value) => {
      const now = clock.monotonic();
      if (now - last < PROGRESS_MS) return;
      last = now;
      const frame = new FrameWriter();
      frame.addJson(address, KIND.PROGRESS, value);
      this.#transport.send(frame.take());
    };
  }

  #finish(): void {
    const work = this.#afterwards;
    this.#afterwards = undefined;
    try {
      work?.();
    } catch (error) {
      this.#engine.warn(error instanceof Error ? error.message : String(error));
    }
  }

  #takeAll(): void {
    while (!this.#isClosed) {
      const frames = this.#transport.receive();
      if (frames === undefined) return;
      for (let at = 0; at + 4 + FRAME.size <= frames.length;) {
        const connection = viewOf(frames).getUint32(at, true);
        const frame = frameAt(frames, at + 4);
        at += 4 + FRAME.size + frame.body.length;
        this.#handleSafely(connection, frame);
        this.#takeTurns();
      }
      if (this.#output.length < ANSWERS_LIMIT) continue;
      // The rest at the next operation, or by the event loop.
      this.#engine.boundary.call();
      return;
    }
  }

  #send(): void {
    if (this.#output.length > 0) this.#transport.send(this.#output.take());
  }

  // -------------------------------------------------------------------------------------------
  // What is safe

  #endGroup(): void {
    try {
      this.#engine.endGroup();
    } catch (error) {
      this.#takeBack(error);
    }
    this.#held.length = 0;
  }

  /** What is not on disk has not happened, as far as anybody may know. */
  #takeBack(error: unknown): void {
    const [first] = this.#held;
    if (first === undefined) return;
    this.#output.cutTo(first.at);
    for (const answer of this.#held) this.#output.addJson(answer, KIND.FAILED, errorToJson(error));
  }

  #noteAnswer(connection: number, id: number, session: number): void {
    if (this.#engine.holdsGroup) {
      this.#held.push({ connection, id, session, at: this.#output.length });
      return;
    }
    // What was appended is on disk meanwhile, for another reason.
    this.#held.length = 0;
  }

  // -------------------------------------------------------------------------------------------
  // Requests

  /** What fails in an unforeseen way is the end of its connection, and of no other's frames. */
  #handleSafely(connection: number, frame: Frame): void {
    try {
      this.#handle(connection, frame);
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      this.#engine.warn(`A connection was ended, because serving it failed: ${text}`);
      this.#drop(connection);
    }
  }

  #handle(connection: number, frame: Frame): void {
    const { kind, session, id } = frame;
    switch (kind) {
      case KIND.OPEN:
        this.#open(connection, frame);
        break;
      case KIND.CLOSE:
        this.#closeSession(connection, session);
        this.#noteAnswer(connection, id, session);
        this.#output.addJson({ connection, id, session }, KIND.DONE, null);
        break;
      case KIND.CALL:
        if (!this.#wasSentAgain(connection, id)) this.#ask(connection, frame);
        break;
      case KIND.AGAIN:
        this.#askAgain(connection, frame);
        break;
      case KIND.DIRECT:
        this.#openDirectWay({ connection, id, session });
        break;
      case KIND.ADMINISTER:
        this.#administer(connection, frame);
        break;
      case KIND.LOST:
        this.#lost(connection);
        break;
      case KIND.ALARM:
        this.#alarmAt = Infinity;
        this.#expire();
        break;
      default:
        this.#drop(connection);
    }
  }

  /** A connection that does not keep to the protocol. */
  #drop(way: number): void {
    const connection = connectionOf(way);
    this.#lost(connection);
    this.#output.add({ connection, id: 0, session: 0 }, KIND.DROP);
  }

  // -------------------------------------------------------------------------------------------
  // The direct way

  #openDirectWay(address: { connection: number; id: number; session: number }): void {
    const { connection } = address;
    this.#directWays.set(connection, { last: undefined, again: [] });
    const opened = this.#transport.direct?.(connection);
    this.#answerLater(address, opened ?? Promise.reject(new Error('there is no direct way')));
  }

  /** Whether a call that comes the direct way has been carried out, because it came again before. */
  #wasSentAgain(way: number, id: number): boolean {
    if (way < DIRECT_WAY) return false;
    const direct = this.#directWays.get(connectionOf(way));
    if (direct === undefined) return true;
    direct.last = id;
    if (direct.again[0] !== id) return false;
    direct.again.shift();
    return true;
  }

  /** A call that has gone the direct way and may have come, or be on its way. */
  #askAgain(connection: number, frame: Frame): void {
    const { id, session } = frame;
    const direct = this.#directWays.get(connection);
    if (direct === undefined || direct.again.length >= AGAIN_LIMIT) {
      this.#drop(connection);
      return;
    }
    if (direct.last !== undefined && !isAfter(id, direct.last)) {
      this.#output.add({ connection, id, session }, KIND.SEEN);
      return;
    }
    direct.again.push(id);
    this.#ask(connection, frame);
  }

  #open(connection: number, { id, session, body }: Frame): void {
    const sessions = this.#connections.get(connection) ?? new Map<number, Session>();
    const wanted = jsonFrom(body);
    if (!isRecord(wanted) || session === 0 || sessions.has(session)) {
      this.#drop(connection);
      return;
    }
    const address = { connection, id, session };
    this.#noteAnswer(connection, id, session);
    try {
      if (sessions.size >= SESSION_LIMIT) throw tooMany();
      const { name, directory } = wanted;
      const client = this.#engine.client(
        typeof name === 'string' ? name.slice(0, NAME_LIMIT) : 'client',
        typeof directory === 'string' ? directory : undefined,
      );
      sessions.set(session, new Session(connection, session, client));
      this.#connections.set(connection, sessions);
      this.#output.addJson(address, KIND.DONE, null);
    } catch (error) {
      this.#output.addJson(address, KIND.FAILED, errorToJson(error));
    }
  }

  #ask(connection: number, { id, session: number, body }: Frame): void {
    const session = this.#connections.get(connectionOf(connection))?.get(number);
    const call = decodeCall(body);
    const isTooMuch = session !== undefined && session.queue.length >= QUEUE_LIMIT;
    if (session === undefined || call === undefined || isTooMuch) {
      this.#drop(connection);
      return;
    }
    if (this.#waiting.has(session.client.classic.calls)) {
      session.queue.push({ id, connection, call });
      return;
    }
    this.#run(session, { id, connection, call });
  }

  /** Carries a call out, and answers, unless it waits from here on. */
  #run(session: Session, asked: AskedCall, before?: WaitingCall): void {
    const { classic } = session.client;
    const result = this.#buffers.run(classic, asked.call);
    const { waitLockTimeoutMs: patience, clock, gate } = this.#engine;
    const mayWait = classic.isWaiting && patience > 0;
    if (mayWait && isRepeatable(asked.call.op, result)) {
      const kept = copied(result);
      if (before !== undefined) before.result = kept;
      else {
        const waiting = new WaitingCall(session, asked, kept);
        const { limit = 0 } = gate;
        this.#waiting.enter(waiting, Math.max(limit, clock.monotonic()) + patience);
      }
      return;
    }
    // It has brought something and is answered: nobody may take it for one that waits.
    if (mayWait) classic.stopWaiting();
    if (before !== undefined) this.#waiting.leave(classic.calls);
    this.#answer(session, asked, result);
  }

  #answer({ number }: Session, { connection, id }: AskedCall, result: CallResult): void {
    this.#noteAnswer(connection, id, number);
    this.#output.addResult({ connection, id, session: number }, result);
  }

  /** Goes on with what a session has asked for meanwhile. */
  #goOn(session: Session): void {
    while (!this.#waiting.has(session.client.classic.calls)) {
      const asked = session.queue.shift();
      if (asked === undefined) return;
      this.#run(session, asked);
    }
  }

  // -------------------------------------------------------------------------------------------
  // Waiting

  /** Those that wait are tried again as far as what was in their way has gone. */
  #takeTurns(): void {
    for (;;) {
      const waiting = this.#waiting.next();
      if (waiting === undefined) return;
      const { session, asked } = waiting;
      this.#run(session, asked, waiting);
      this.#goOn(session);
    }
  }

  #expire(): void {
    if (this.#waiting.size === 0) return;
    for (const { session, asked, result } of this.#waiting.expire(this.#engine.clock.monotonic())) {
      session.client.classic.stopWaiting();
      this.#answer(session, asked, result);
      this.#goOn(session);
    }
  }

  /** The thread of the sockets has a clock that goes on while the program does not yield. */
  #setAlarm(): void {
    const { limit = Infinity } = this.#engine.gate;
    const deadline = Math.min(this.#waiting.deadline, this.#waiting.size > 0 ? limit : Infinity);
    if (deadline === this.#alarmAt || deadline === Infinity) return;
    this.#alarmAt = deadline;
    const left = Math.ceil(deadline - this.#engine.clock.monotonic());
    this.#output.add({ connection: 0, id: Math.max(0, left), session: 0 }, KIND.ALARM);
  }

  // -------------------------------------------------------------------------------------------
  // Ends

  #lost(connection: number): void {
    const sessions = this.#connections.get(connection);
    for (const number of sessions?.keys() ?? []) this.#closeSession(connection, number);
    this.#connections.delete(connection);
    this.#directWays.delete(connection);
    this.#transport.lost?.(connection);
  }

  #closeSession(connection: number, number: number): void {
    this.#work.end(connection, number);
    const sessions = this.#connections.get(connection);
    const session = sessions?.get(number);
    if (session === undefined) return;
    sessions?.delete(number);
    const { client } = session;
    this.#waiting.leave(client.classic.calls);
    session.queue.length = 0;
    try {
      client.close();
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      this.#engine.warn(`A client could not be closed: ${text}`);
    }
  }

  #administer(connection: number, { id, session, body }: Frame): void {
    const wanted = jsonFrom(body);
    if (!isRecord(wanted) || typeof wanted['name'] !== 'string') {
      this.#drop(connection);
      return;
    }
    const { name, args } = wanted;
    const address = { connection, id, session };
    const tell = wanted['progress'] === true ? this.#progressTo(address) : undefined;
    let kind: number = KIND.DONE;
    let answer: unknown;
    try {
      answer = this.#engine.administer(name, isRecord(args) ? args : {}, tell);
    } catch (error) {
      kind = KIND.FAILED;
      answer = errorToJson(error);
    }
    if (isSteps(answer)) {
      this.#work.add(address, answer, tell);
      return;
    }
    if (answer instanceof Promise) {
      this.#answerLater(address, answer);
      return;
    }
    this.#noteAnswer(connection, id, session);
    this.#output.addJson(address, kind, answer);
  }

  #answerLater(
    address: { connection: number; id: number; session: number },
    promise: Promise<unknown>,
  ): void {
    const send = (kind: number, value: unknown): void => {
      this.#output.addJson(address, kind, value);
      if (!this.#isServing && !this.#isClosed) this.#send();
    };
    promise.then(
      (value) => send(KIND.DONE, value),
      (error: unknown) => send(KIND.FAILED, errorToJson(error)),
    );
  }
}

const NAME_LIMIT = 200;

/**
 * Numbers of requests grow, and what goes the direct way comes in its order: whatever is not after the last
 * that came has come too, and is not carried out a second time.
 */
function isAfter(id: number, other: number): boolean {
  return ((id - other) | 0) > 0;
}

/** The connection of a way. */
function connectionOf(way: number): number {
  return way >= DIRECT_WAY ? way - DIRECT_WAY : way;
}

function tooMany(): BtrieveError {
  const message = `a connection has ${SESSION_LIMIT} clients at the most`;
  return new BtrieveError(Status.FILE_TABLE_FULL, message, { reason: 'sessions' });
}

/** A result that outlives the next call. */
function copied(result: CallResult): CallResult {
  const { block, data, key, error } = result;
  return {
    ...result,
    ...{ block: block.slice(), data: data.slice(), key: key.slice(), error: error.slice() },
  };
}
