/** What serves clients in other processes, without sockets: requests go in by hand, answers are kept. */
import { MicroKernel } from '../../src/engine.js';
import { Op } from '../../src/microkernel/calls/operations.js';
import type { Ports } from '../../src/microkernel/ports.js';
import {
  decodeResult,
  frameAt,
  FrameWriter,
  KIND,
  type CallRequest,
  type Frame,
} from '../../src/requester/protocol.js';
import { Server } from '../../src/requester/server.js';
import type { Settings } from '../../src/settings.js';
import { memoryPorts } from './memory-view.js';

interface Sent {
  readonly connection: number;
  readonly frame: Frame;
}

interface Answered {
  readonly connection: number;
  readonly status: number;
  readonly block: Uint8Array;
  readonly at: number;
}

export class Desk {
  readonly engine: MicroKernel;
  readonly server: Server;
  readonly sent: Sent[] = [];
  readonly blocks = new Map<number, Uint8Array>();
  time = 0;
  readonly #input = new FrameWriter();
  readonly #batches: Uint8Array[] = [];

  constructor(settings: Partial<Settings>, ports: Ports = memoryPorts(1)) {
    const clock = { now: () => this.time, monotonic: () => this.time };
    this.engine = MicroKernel.start({ root: '/d/root', settings, ports: { ...ports, clock } });
    this.server = new Server(this.engine.served(), {
      receive: () => this.#batches.shift(),
      send: (frames) => this.#keep(frames),
    });
  }

  #keep(frames: Uint8Array): void {
    const view = new DataView(frames.buffer, frames.byteOffset);
    for (let at = 0; at < frames.length;) {
      const frame = frameAt(frames, at + 4);
      this.sent.push({ connection: view.getUint32(at, true), frame });
      at += 20 + frame.body.length;
    }
  }

  /** One client for each connection. */
  open(connection: number): void {
    this.#input.addJson({ connection, id: 1, session: 1 }, KIND.OPEN, { name: `${connection}` });
    this.serve();
    const key = '/d/a.btr';
    const [{ block } = { block: new Uint8Array(8) }] = this.call(connection, Op.OPEN, { key });
    this.blocks.set(connection, block);
  }

  ask(
    connection: number,
    op: number,
    given: { data?: number[]; key?: string | number[]; room?: number; id?: number } = {},
    isAgain = false,
  ): void {
    const key = Uint8Array.from(
      typeof given.key === 'string' ? Buffer.from(`${given.key}\0`) : (given.key ?? []),
    );
    const data = Uint8Array.from(given.data ?? []);
    const room = given.room ?? data.length;
    const block = this.blocks.get(connection) ?? new Uint8Array(8);
    const keyLength = Math.max(8, key.length);
    const call: CallRequest = {
      ...{ op, keyNumber: 0, block, dataLength: room, room, data, keyLength, key },
    };
    const address = { connection, id: given.id ?? op, session: 1 };
    if (!isAgain) {
      this.#input.addCall(address, call);
      return;
    }
    const asCall = new FrameWriter();
    asCall.addCall(address, call);
    this.#input.add(address, KIND.AGAIN, frameAt(asCall.take(), 4).body);
  }

  administer(
    connection: number,
    name: string,
    args: Readonly<Record<string, unknown>>,
    progress = false,
  ): void {
    const wanted = { name, args, progress };
    this.#input.addJson({ connection, id: 1, session: 1 }, KIND.ADMINISTER, wanted);
  }

  control(connection: number, kind: number): void {
    this.#input.add({ connection, id: 0, session: 0 }, kind);
  }

  /** Everything that was asked comes in at once. The answers to calls. */
  serve(): Answered[] {
    this.#batches.push(this.#input.take());
    const before = this.sent.length;
    this.server.serve();
    return this.sent.slice(before).flatMap(({ connection, frame }, at): Answered[] => {
      if (frame.kind === KIND.FAILED) {
        const { status } = JSON.parse(Buffer.from(frame.body).toString()) as { status: number };
        return [{ connection, status, block: new Uint8Array(8), at }];
      }
      const result = frame.kind === KIND.RESULT ? decodeResult(frame.body) : undefined;
      return result === undefined ? [] : [{ connection, ...result, at }];
    });
  }

  call(connection: number, op: number, given: Parameters<Desk['ask']>[2] = {}) {
    this.ask(connection, op, given);
    return this.serve();
  }

  get alarms(): number[] {
    return this.sent.filter(({ frame }) => frame.kind === KIND.ALARM).map(({ frame }) => frame.id);
  }
}
