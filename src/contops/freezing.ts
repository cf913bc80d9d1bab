/**
 * Freezing all files of an engine for a snapshot, and thawing them.
 *
 * Invariants:
 * - While it is frozen nothing is written to a data file, a delta, an archival log or the log; all that was
 *   committed is in them, and on disk.
 * - It thaws by itself at the limit, and then says that the snapshot is not valid.
 */
import type { FileTable } from '../microkernel/files/file-table.js';
import type { Ports } from '../microkernel/ports.js';
import { BtrieveError, Status } from '../microkernel/status.js';

/** How the engine is frozen for a snapshot. */
export interface FreezeOptions {
  /** Milliseconds after which it thaws by itself, up to an hour. Default: 60,000. */
  readonly timeoutMs?: number;
}

/** What is frozen. */
export interface Frozen {
  readonly files: readonly string[];
  readonly timeoutMs: number;
  /** ISO 8601, UTC: when it thaws by itself. */
  readonly until: string;
}

export interface FreezingParts {
  readonly root: string;
  readonly ports: Ports;
  readonly table: FileTable;
  /** Takes everything to the disk. Throws why it cannot. */
  readonly complete: () => void;
}

/** Who has thawed it. */
type Outcome = 'thawed' | 'limit' | 'stopped';

const TIMEOUT_MS = 60_000;
const LIMIT_MS = 3_600_000;

const TEXTS: Readonly<Record<Exclude<Outcome, 'thawed'>, string>> = {
  limit: 'The limit has passed before thawing: a snapshot that was not done by then is not valid.',
  stopped:
    'The engine is stopped before thawing: a snapshot that was not done by now is not valid.',
};

export class Freezing {
  readonly #parts: FreezingParts;
  #timer: NodeJS.Timeout | undefined;
  /** The last one ended by itself. */
  #hasExpired = false;
  /** Long work under way that writes between operations. */
  #busy = 0;

  constructor(parts: FreezingParts) {
    this.#parts = parts;
    parts.table.gate.onLimit = () => this.#end('limit');
  }

  /** `byOthers`: another process wants it. Throws 41, 85, 160, 18, 38, 2; see `MicroKernel.freeze`. */
  freeze({ timeoutMs = TIMEOUT_MS }: FreezeOptions, byOthers: boolean): Frozen {
    const { table, ports, complete } = this.#parts;
    const { gate } = table;
    if (!Number.isInteger(timeoutMs) || timeoutMs < 1 || timeoutMs > LIMIT_MS) {
      throw new BtrieveError(Status.INVALID_PARAMETER_TO_MKDE, 'the limit is none', {
        ...{ reason: 'limit', expected: `1 to ${LIMIT_MS} ms`, found: String(timeoutMs) },
      });
    }
    gate.openIfDue();
    if (gate.isClosed) throw refused('the engine is frozen already', 'frozen');
    if (this.#busy > 0) {
      const message = 'roll-forward, a rebuild, or the end of continuous operation, is under way';
      throw new BtrieveError(Status.FILE_INUSE, message, { reason: 'busy' });
    }
    complete();
    this.#hasExpired = false;
    gate.close(timeoutMs, byOthers);
    this.#timer = setTimeout(() => gate.openIfDue(), timeoutMs + 1).unref();
    const files = table.files.map(({ pages }) => pages.path);
    this.#tell(
      'I',
      'frozen',
      { files: files.length, timeoutMs },
      'Nothing is written from here on.',
    );
    return { files, timeoutMs, until: new Date(ports.clock.now() + timeoutMs).toISOString() };
  }

  /** Throws 41 if it is not frozen, or not any more. */
  thaw(): void {
    const { gate } = this.#parts.table;
    gate.openIfDue();
    if (gate.isClosed) {
      this.#end('thawed');
      return;
    }
    if (!this.#hasExpired) throw refused('the engine is not frozen', 'not-frozen');
    const message = 'snapshot not valid: the limit passed before, and writing has gone on since';
    throw refused(message, 'snapshot-not-valid');
  }

  /** The engine is about to be stopped. */
  end(): void {
    if (this.#parts.table.gate.isClosed) this.#end('stopped');
  }

  /** Long work that nothing is frozen during. Throws 85 if it is frozen. */
  *without<Step, Result>(work: Generator<Step, Result, void>): Generator<Step, Result, void> {
    const { gate } = this.#parts.table;
    gate.openIfDue();
    gate.assertOpen();
    this.#busy++;
    try {
      return yield* work;
    } finally {
      this.#busy--;
    }
  }

  #end(outcome: Outcome): void {
    const { table } = this.#parts;
    clearTimeout(this.#timer);
    this.#hasExpired = outcome !== 'thawed';
    table.gate.open();
    for (const failure of table.closePutOff()) {
      const text = failure instanceof Error ? failure.message : String(failure);
      this.#tell('E', 'thaw-close-failed', {}, `A file could not be closed: ${text}`);
    }
    this.#tell('I', 'thawed', { outcome }, 'Writing goes on.');
    if (outcome !== 'thawed') this.#tell('W', 'snapshot-not-valid', {}, TEXTS[outcome]);
    table.waits.freed(table.gate);
  }

  #tell(
    severity: 'I' | 'W' | 'E',
    id: string,
    fields: Record<string, string | number>,
    text: string,
  ) {
    const { ports, root } = this.#parts;
    ports.events.write({ severity, id, fields: { root, ...fields }, text });
  }
}

function refused(message: string, reason: string): BtrieveError {
  return new BtrieveError(Status.OPERATION_NOT_ALLOWED, message, { reason });
}
