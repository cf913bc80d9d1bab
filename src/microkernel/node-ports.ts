/**
 * The clock, the random bytes and the event log as the system gives them, and all ports in one
 * hand. Files are in `node-files.ts`.
 *
 * Invariants of the event log: one event is one line, whatever is in it, and can be taken apart
 * again; what is kept is bounded; a failure to write it never reaches the engine.
 */
import { randomFillSync } from 'node:crypto';
import { NodeFileSystem, appendLine } from './node-files.js';
import type { NodeFileSystemOptions } from './node-files.js';
import type { Clock, EventLog, EventRecord, FileSystem, Ports, Random } from './ports.js';

export const nodeClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
};

export const nodeRandom: Random = {
  fill: (into) => {
    randomFillSync(into);
  },
};

/** For who has nobody to tell. */
export const nullEventLog: EventLog = {
  write: () => undefined,
};

/**
 * What must not stand in a line as it is: characters that end it or that change how it is shown
 * (controls, line and paragraph separators, directional marks), and halves of surrogate pairs.
 */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;
/** Of those, what JSON leaves as it is. */
const UNPRINTABLE_IN_JSON = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;
const NEEDS_QUOTES_IN_VALUE = /[\s"=]/u;
const NOT_IN_WORDS = /[^\w.-]/gu;

/** The value as JSON, with everything unprintable escaped. */
function quoted(value: string): string {
  return JSON.stringify(value).replace(UNPRINTABLE_IN_JSON, (character) => {
    let escaped = '';
    for (let index = 0; index < character.length; index++) {
      escaped += `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`;
    }
    return escaped;
  });
}

function fieldValue(value: string | number): string {
  const text = String(value);
  const isPlain = text !== '' && !NEEDS_QUOTES_IN_VALUE.test(text) && !UNPRINTABLE.test(text);
  return isPlain ? text : quoted(text);
}

/** Quoted as a whole where it could be taken for a field or is not fit to be shown. */
function lineText(text: string): string {
  const [firstWord = ''] = text.split(' ', 1);
  const isPlain = !/["=]/u.test(firstWord) && !UNPRINTABLE.test(text);
  return isPlain ? text : quoted(text);
}

/** An id or a key: ours, so nothing is lost here, and nothing can break the line. */
function word(text: string): string {
  return text.replace(NOT_IN_WORDS, '-') || '-';
}

/** `<ISO UTC> <I|W|E> <pid> <event-id> key=value… text`, without the line feed. */
function formatEvent({ severity, id, fields, text }: EventRecord, now: number): string {
  const parts = [new Date(now).toISOString(), severity, String(process.pid), word(id)];
  for (const [key, value] of Object.entries(fields ?? {})) {
    parts.push(`${word(key)}=${fieldValue(value)}`);
  }
  if (text !== '') parts.push(lineText(text));
  return parts.join(' ');
}

export interface FileEventLogOptions {
  /** The file is set aside before it grows past this; one longer line stands alone. Default 10 MB. */
  readonly rotateAtBytes?: number;
  /** How many of those set aside are kept. Default 5. */
  readonly keptCount?: number;
  /** Default the system's. */
  readonly clock?: Clock;
}

const ROTATE_AT_BYTES = 10 * 1024 * 1024;
const KEPT_COUNT = 5;

/**
 * The event log in a file, mode 0600; `<path>.1` is the newest of those set aside.
 *
 * The file is opened for each event: they are rare, and so it may be moved away at any time, and
 * several processes may share it.
 */
export class FileEventLog implements EventLog {
  readonly path: string;
  readonly #rotateAtBytes: number;
  readonly #keptCount: number;
  readonly #clock: Clock;
  readonly #files: FileSystem = new NodeFileSystem({ worker: 'never' });
  #failureCount = 0;

  constructor(
    path: string,
    {
      rotateAtBytes = ROTATE_AT_BYTES,
      keptCount = KEPT_COUNT,
      clock = nodeClock,
    }: FileEventLogOptions = {},
  ) {
    this.path = path;
    this.#rotateAtBytes = rotateAtBytes;
    this.#keptCount = keptCount;
    this.#clock = clock;
  }

  /** How often an event could not be written, or the file not be set aside. */
  get failureCount(): number {
    return this.#failureCount;
  }

  /** Never throws. */
  write(event: EventRecord): void {
    try {
      const line = formatEvent(event, this.#clock.now());
      if (appendLine(this.path, line, this.#rotateAtBytes)) return;
      this.#tryRotate();
      // If it could not be set aside it may grow on, but not without end.
      if (!appendLine(this.path, line, this.#rotateAtBytes * 2)) this.#failureCount++;
    } catch {
      this.#failureCount++;
    }
  }

  #tryRotate(): void {
    try {
      this.#rotate();
    } catch {
      this.#failureCount++;
    }
  }

  #rotate(): void {
    if (this.#keptCount === 0) {
      this.#files.remove(this.path);
      return;
    }
    for (let number = this.#keptCount - 1; number > 0; number--) {
      const older = `${this.path}.${number}`;
      if (this.#files.exists(older)) this.#files.rename(older, `${this.path}.${number + 1}`);
    }
    this.#files.rename(this.path, `${this.path}.1`);
  }
}

export interface NodePortsOptions extends NodeFileSystemOptions {
  /** Where events are written. Without it nowhere. */
  readonly eventLogPath?: string;
}

/** What the engine needs of the world, from the system. */
export function nodePorts({ eventLogPath, ...files }: NodePortsOptions = {}): Ports {
  return {
    files: new NodeFileSystem(files),
    clock: nodeClock,
    random: nodeRandom,
    events: eventLogPath === undefined ? nullEventLog : new FileEventLog(eventLogPath),
  };
}
