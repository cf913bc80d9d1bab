/**
 * The bytes of an original file, which may lie in several pieces: the file itself and its extensions
 * `.^01`, `.^02`, … (hexadecimal), one behind the other.
 *
 * Invariants:
 * - Nothing is ever written; the handles are open for reading only.
 * - A piece that is missing is status 13, naming it: at once if a later one is there, else when it turns out that
 *   the file goes on (`beyondEnd`). Without any extension that cannot be told from a file cut short
 *   unless the file ends where pieces do, at a multiple of 1 GB.
 * - For a recovery a piece that is missing is a gap: nothing is read of it, and it is as long as the first
 *   piece, since each is filled before the next is begun, or as long as what is known of the whole says. What
 *   lies behind it is believed by the numbers that pages carry, as everywhere.
 */
import { readFully } from '../microkernel/disk-error.js';
import type { FileHandle, FileSystem } from '../microkernel/ports.js';
import { BtrieveError, Status } from '../microkernel/status.js';
import { damaged, diskFailure, type DamagePlace } from './legacy-damage.js';

/** Extensions have two hexadecimal digits. */
const EXTENSIONS_MOST = 255;
/** How far to look for a piece behind one that is missing. */
const LOOK_AHEAD = 3;
/** Pieces of the original are as long as this, or a multiple. */
const PIECE_UNIT = 0x4000_0000;
/** Addresses in formats 3 to 5 are offsets of 32 bits. */
const WHOLE_MOST = 2 ** 32;

interface Piece {
  /** Undefined if it is missing. */
  readonly handle: FileHandle | undefined;
  readonly name: string;
  readonly size: number;
}

/** A piece that is not there. */
export interface MissingPiece {
  readonly name: string;
  /** Where it lies in the whole. */
  readonly start: number;
  readonly end: number;
}

/** The path of a neighbour: the same name with another extension. */
function withExtension(path: string, extension: string): string {
  return path.replace(/\.[^./\\]*$/, '') + extension;
}

function extensionNames(path: string, number: number): readonly string[] {
  const digits = number.toString(16).padStart(2, '0');
  const names = [digits, digits.toUpperCase()].map((text) => withExtension(path, `.^${text}`));
  return names.filter((name, index) => name !== path && names.indexOf(name) === index);
}

/** What may be a part of something else: an extension, or changes made during a backup. */
const PART = /\.\^(?:[0-9a-f]{2}|\^\^)$/i;

/** Whether a file is called as parts of others are. */
export function isNamedAsPart(path: string): boolean {
  return PART.test(path);
}

/** The paths that parts of a file would have, whether they are there or not. */
export function partsOf(path: string): string[] {
  const numbers = Array.from({ length: EXTENSIONS_MOST }, (_, i) => i + 1);
  const others = ['.^^^', '.PRE', '.pre'].map((extension) => withExtension(path, extension));
  return [...numbers.flatMap((number) => extensionNames(path, number)), ...others];
}

/**
 * What lies beside a file under its name with another extension, in whatever case: the names come from systems to
 * which that makes no difference.
 */
export class Neighbours {
  readonly #files: FileSystem;
  readonly #path: string;
  /** Names in the directory that differ from the file's by case and extension at the most. */
  #names: readonly string[] | undefined;

  constructor(files: FileSystem, path: string) {
    this.#files = files;
    this.#path = path;
  }

  /** The path of the one with an extension; the name as it is written goes before others. */
  find(extension: string): string | undefined {
    const path = withExtension(this.#path, extension);
    if (path !== this.#path && this.#files.exists(path)) return path;
    this.#names ??= this.#list();
    const name = nameIn(path).toLowerCase();
    const found = this.#names.find((each) => each.toLowerCase() === name);
    return found === undefined
      ? undefined
      : path.slice(0, path.length - nameIn(path).length) + found;
  }

  #list(): readonly string[] {
    const own = nameIn(this.#path);
    const directory = this.#path.slice(0, this.#path.length - own.length);
    const stem = withExtension(own, '.').toLowerCase();
    const mayBelong = (name: string): boolean =>
      name !== own && name.toLowerCase().startsWith(stem);
    try {
      return this.#files.list(directory === '' ? '.' : directory).filter(mayBelong);
    } catch {
      // Files in a directory that may not be read are found by their names as they are.
      return [];
    }
  }
}

function nameIn(path: string): string {
  return path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1);
}

export class LegacyVolumes {
  readonly path: string;
  /** Bytes in all pieces, with those of the missing ones that others lie behind. */
  #size = 0;
  #pieces: readonly Piece[];

  /** Opens the file and its extensions. Throws 13, unless for a recovery, and what the disk says. */
  static open(files: FileSystem, path: string, isSalvage = false): LegacyVolumes {
    const pieces: Piece[] = [];
    const beside = new Neighbours(files, path);
    const add = (name: string): void => {
      const handle = files.open(name, 'read');
      try {
        pieces.push({ handle, name, size: handle.size() });
      } catch (error) {
        handle.close();
        throw error;
      }
    };
    try {
      add(path);
      for (let number = 1; number <= EXTENSIONS_MOST; number++) {
        const found = findExtension(beside, number);
        if (found !== undefined) add(found);
        else if (!hasLater(beside, number)) break;
        else if (!isSalvage) throw missingPiece(path, number);
        else {
          const name = nameOfPiece(path, number);
          pieces.push({ handle: undefined, name, size: pieces[0]?.size ?? 0 });
        }
      }
      return new LegacyVolumes(path, pieces);
    } catch (error) {
      for (const { handle } of pieces) handle?.close();
      throw diskFailure('the file cannot be opened', error, path);
    }
  }

  /** The file itself, without extensions. */
  static openAlone(files: FileSystem, path: string): LegacyVolumes {
    try {
      const handle = files.open(path, 'read');
      return new LegacyVolumes(path, [{ handle, name: path, size: handle.size() }]);
    } catch (error) {
      throw diskFailure('the file cannot be opened', error, path);
    }
  }

  private constructor(path: string, pieces: readonly Piece[]) {
    this.path = path;
    this.#pieces = pieces;
    this.#size = sizeOf(pieces);
  }

  /** Bytes in all pieces. */
  get size(): number {
    return this.#size;
  }

  /** How many files it is. */
  get pieces(): number {
    return this.#pieces.length;
  }

  /** Pieces that are known to be missing, since others lie behind them. */
  get missing(): readonly MissingPiece[] {
    let end = 0;
    return this.#pieces.flatMap(({ handle, name, size }) => {
      const start = end;
      end += size;
      return handle === undefined ? [{ name, start, end }] : [];
    });
  }

  /** The name of the piece that would follow the last. */
  get nextName(): string {
    return nameOfPiece(this.path, this.pieces);
  }

  /** How long the whole was, in formats 3 to 5: if just one piece is missing, that says how long it is. */
  setWhole(size: number): void {
    if (size > WHOLE_MOST) return;
    const gaps = this.#pieces.filter(({ handle }) => handle === undefined).length;
    const present = sizeOf(this.#pieces.filter(({ handle }) => handle !== undefined));
    if (gaps !== 1 || size <= present) return;
    this.#pieces = this.#pieces.map((piece) =>
      piece.handle === undefined ? { ...piece, size: size - present } : piece,
    );
    this.#size = size;
  }

  /** Whether there is something to be read of these bytes: no missing piece has them, nor are they behind the end. */
  isThere(at: number, length: number): boolean {
    if (at + length > this.size) return false;
    return this.missing.every(({ start, end }) => at + length <= start || at >= end);
  }

  /** Whether the size alone suggests that there was more. */
  get mayGoOn(): boolean {
    return this.pieces > 1 || (this.size > 0 && this.size % PIECE_UNIT === 0);
  }

  /** Reads `length` bytes; returns how many there are. */
  read(into: Uint8Array, offset: number, length: number, at: number): number {
    let [done, end] = [0, 0];
    try {
      for (const { handle, size } of this.#pieces) {
        const from = at + done - end;
        end += size;
        if (from < 0 || from >= size || done >= length) continue;
        if (handle === undefined) break;
        const count = Math.min(length - done, size - from);
        const got = readFully(handle, into, offset + done, count, from);
        done += got;
        if (got < count) break;
      }
    } catch (error) {
      throw diskFailure('reading failed', error, this.path);
    }
    return done;
  }

  /** What to throw for bytes that should be there: 13 if a piece is missing, else 2. */
  beyondEnd(message: string, place: DamagePlace): BtrieveError {
    if (!this.mayGoOn) return damaged(this.path, 'cut-short', message, place);
    const { offset = this.size } = place;
    const gap = this.missing.find(({ start, end }) => offset >= start && offset < end);
    return missingPiece(this.path, this.pieces, gap?.name);
  }

  close(): void {
    for (const { handle } of this.#pieces) handle?.close();
  }
}

function findExtension(beside: Neighbours, number: number): string | undefined {
  return beside.find(`.^${number.toString(16).padStart(2, '0')}`);
}

/** Whether there are pieces behind one that is missing. */
function hasLater(beside: Neighbours, number: number): boolean {
  for (let later = number + 1; later <= number + LOOK_AHEAD; later++)
    if (findExtension(beside, later) !== undefined) return true;
  return false;
}

function missingPiece(
  path: string,
  number: number,
  name = nameOfPiece(path, number),
): BtrieveError {
  const message = `a piece of the file is missing: put ${name} beside it`;
  return new BtrieveError(Status.EXTENDED_FILE_ERROR, message, {
    reason: 'missing-extension',
    file: name,
  });
}

function nameOfPiece(path: string, number: number): string {
  return extensionNames(path, number)[0] ?? path;
}

function sizeOf(pieces: readonly Piece[]): number {
  return pieces.reduce((sum, { size }) => sum + size, 0);
}
