/** One open of a data file by one client: what a position block stands for. */
import type { Conflict } from '../files/data-file.js';
import type { OpenFile } from '../files/open-file.js';
import type { LockHolder } from '../files/record-locks.js';
import { Position } from './position.js';

/** How a file was opened. */
export type OpenMode = 'normal' | 'accelerated' | 'read-only' | 'verify' | 'exclusive';

/** What the opens of a client have in common. */
export interface ClientState {
  /** Behind the last status 5 that the client got for a file. */
  readonly conflicts: WeakMap<OpenFile, Conflict>;
}

export class Handle implements LockHolder {
  /** What tells the clients of an engine apart. */
  readonly client: ClientState;
  readonly id: number;
  readonly file: OpenFile;
  readonly mode: OpenMode;
  /** Opened for reading only, or without the owner name where that allows no more. */
  readonly isReadOnly: boolean;
  readonly position: Position;
  /** The owner name was given, or set, by this open. */
  knowsOwner = false;

  constructor(
    id: number,
    client: ClientState,
    file: OpenFile,
    mode: OpenMode,
    isReadOnly: boolean,
  ) {
    this.client = client;
    this.id = id;
    this.file = file;
    this.mode = mode;
    this.isReadOnly = isReadOnly;
    this.position = new Position(file.data);
  }

  /** The same open with a position of its own; good as long as this one is open. */
  another(): Handle {
    return new Handle(this.id, this.client, this.file, this.mode, this.isReadOnly);
  }

  /** A call has ended with status 5: what stood in its way is remembered for Stat Extended. */
  rememberConflict(): void {
    const { conflict } = this.file.data;
    if (conflict !== undefined) this.client.conflicts.set(this.file, conflict);
  }

  get conflict(): Conflict | undefined {
    return this.client.conflicts.get(this.file);
  }
}
