/** The requester of one engine: the thread of the sockets and what serves it, put together. */
import { DiskError } from '../microkernel/disk-error.js';
import type { FileSystem } from '../microkernel/ports.js';
import type { AdministrationSteps } from './administration.js';
import { DirectDoor } from './direct-door.js';
import { FrameWriter, KIND } from './protocol.js';
import { requesterPlace } from './runtime-directory.js';
import { Server, type ServedEngine } from './server.js';
import { SocketThread, type RequesterLimits, type TcpPlace } from './socket-thread.js';

export interface RequesterOptions {
  readonly root: string;
  readonly engine: ServedEngine;
  readonly files: FileSystem;
  readonly tcp?: TcpPlace | undefined;
  readonly limits?: Partial<RequesterLimits>;
}

const LIMITS: RequesterLimits = { connections: 256, handshakeMs: 5000 };

export class Requester {
  readonly #thread: SocketThread;
  readonly #door: DirectDoor;
  readonly #server: Server;
  readonly #options: RequesterOptions;
  readonly #names: readonly string[];

  /** Throws what the system says if there is no thread to be had. */
  constructor(options: RequesterOptions) {
    const { root, engine, tcp, limits } = options;
    this.#options = options;
    const place = requesterPlace(root);
    this.#names = place.first === '' ? [place.record] : [place.socket, place.record, place.direct];
    this.#thread = new SocketThread({
      ...{ place, tcp, limits: { ...LIMITS, ...limits } },
      onMessage: () => this.#server.serve(),
      onFailure: (message) => engine.warn(`Clients in other processes are not served: ${message}`),
    });
    this.#door = new DirectDoor({
      path: place.direct,
      thread: this.#thread,
      onCalls: () => this.#server.serve(),
    });
    this.#server = new Server(engine, this.#door);
    engine.boundary.open(this.#thread.words, this.#server.serve);
  }

  /** What the server has, and how many connections have a direct way. */
  get statistics(): Server['statistics'] & { readonly direct: number } {
    return { ...this.#server.statistics, direct: this.#door.size };
  }

  /** Sleeps until clients can connect, for so many milliseconds at the most. */
  waitUntilReady(timeoutMs: number): boolean {
    return this.#thread.waitUntilReady(timeoutMs);
  }

  /** To be done when the answers that are being made have left. */
  afterwards(work: () => void): void {
    this.#server.afterwards(work);
  }

  /** Long work that nobody waits for; see `Server.workOn`. */
  workOn(steps: AdministrationSteps): void {
    this.#server.workOn(steps);
  }

  /** Nobody is served any more, and nobody finds it. Before the lock of the root is let go of. */
  close(): void {
    this.#options.engine.boundary.close();
    this.#server.close();
    this.#door.close();
    const end = new FrameWriter();
    end.add({ connection: 0, id: 0, session: 0 }, KIND.END);
    this.#thread.close(end.take(), () => {
      for (const name of this.#names) this.#remove(name);
    });
  }

  #remove(name: string): void {
    try {
      this.#options.files.remove(name);
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
    }
  }
}
