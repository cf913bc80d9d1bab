/** One open of a data file by one client: what a position block stands for. */
import type { OpenFile } from '../files/open-file.js';
import { Position } from './position.js';

/** How a file was opened. */
export type OpenMode = 'normal' | 'accelerated' | 'read-only' | 'verify' | 'exclusive';

export class Handle {
  readonly id: number;
  readonly file: OpenFile;
  readonly mode: OpenMode;
  /** Opened for reading only, or without the owner name where that allows no more. */
  readonly isReadOnly: boolean;
  readonly position: Position;

  constructor(id: number, file: OpenFile, mode: OpenMode, isReadOnly: boolean) {
    this.id = id;
    this.file = file;
    this.mode = mode;
    this.isReadOnly = isReadOnly;
    this.position = new Position(file.data);
  }
}
