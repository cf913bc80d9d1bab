/**
 * Original files damaged at random: bits turned over, numbers gone wild, pointers bent into circles, blocks
 * copied over others, ends cut off.
 *
 * The format has no checksums. So damage may be strict: then nothing is changed that a record says and that
 * nothing else in the file says, and whatever comes of it can be noticed.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { MADE } from './legacy-catalogue.js';
import { makeLegacyFile } from './legacy-writer.js';
import { REAL_FOLDER } from './originals.js';

/** The largest takes longer than all others together, and has little that they have not. */
const NAMES = Object.keys(MADE).filter((name) => name !== '6-two-tables');

/** A file to be damaged. */
export interface Original {
  readonly name: string;
  readonly owner: string | undefined;
  /** Warnings that it has undamaged. */
  readonly warnings: number;
  readonly bytes: Uint8Array;
  /** 1 for what only a record says. */
  readonly payload: Uint8Array;
  readonly addresses: readonly number[];
  /** Its records; none of a real file. */
  readonly records: readonly string[];
  readonly known: ReadonlySet<string>;
  /** Where something is said: most of a file is empty. */
  readonly places: readonly number[];
}

function placesIn(bytes: Uint8Array): number[] {
  return [...bytes.keys()].filter((at) => bytes[at] !== 0);
}

export const ORIGINALS: readonly Original[] = NAMES.map((name) => {
  const request = MADE[name]!;
  const made = makeLegacyFile(request);
  const records = request.records.map((record) => Buffer.from(record).toString('latin1'));
  const known = new Set(records);
  const warnings = request.isUnfinished === true ? 2 : 0;
  const owner = request.owner?.name;
  return { name, owner, warnings, ...made, records, known, places: placesIn(made.bytes) };
});

/** Real files, as `legacy-real-files.test.ts` finds them; of these nobody knows what is said twice. */
const REAL_LARGEST = 50_000;

export function realFiles(): Original[] {
  if (REAL_FOLDER === undefined) return [];
  const folder = REAL_FOLDER;
  const index = JSON.parse(readFileSync(join(folder, 'INDEX.json'), 'utf8')) as {
    files: { file: string; size: number; ownerName: string | null; ownerAccess: number | null }[];
  };
  return index.files
    .filter(({ size }) => size <= REAL_LARGEST)
    .map(({ file, ownerName, ownerAccess }) => {
      const bytes = Uint8Array.from(readFileSync(join(folder, file)));
      const owner = ownerAccess === 1 ? undefined : (ownerName ?? undefined);
      const nothing = {
        payload: new Uint8Array(bytes.length),
        addresses: [],
        records: [],
        known: new Set<string>(),
      };
      return { name: file, owner, warnings: 0, bytes, ...nothing, places: placesIn(bytes) };
    });
}

export type Random = (limit: number) => number;

/** Changes a few bytes; where none may be changed that only a record says, it looks for other places. */
export function damage(
  original: Original,
  random: Random,
  isStrict: boolean,
): { bytes: Uint8Array; what: string } {
  const { payload, places } = original;
  let bytes = original.bytes.slice();
  const done: string[] = [];
  const mayChange = (at: number, length: number): boolean =>
    at >= 0 &&
    at + length <= bytes.length &&
    (!isStrict || !payload.subarray(at, at + length).includes(1));
  const place = (length: number): number => {
    for (;;) {
      const near = random(4) > 0 ? places[random(places.length)]! : random(bytes.length);
      const at = near - random(length + 1);
      if (mayChange(at, length)) return at;
    }
  };
  const write = (at: number, values: readonly number[]): void => {
    done.push(`${at}: ${values.map((value) => value & 0xff).join(' ')}`);
    bytes.set(values, at);
  };
  for (let n = 1 + random(3); n > 0; n--) {
    switch (random(7)) {
      case 0:
      case 1: {
        const at = place(1);
        write(at, [bytes[at]! ^ (1 << random(8))]);
        break;
      }
      case 2:
        write(place(1), [random(256)]);
        break;
      case 3: {
        const wild = [0, 1, 0x7fff, 0x8000, 0xffff, random(0x1_0000)][random(6)]!;
        write(place(2), [wild, wild >> 8]);
        break;
      }
      case 4: {
        const wild = [0xff, 0, 0x7f, 0x80, random(256)][random(5)]!;
        write(place(4), [wild, wild, wild, random(2) === 0 ? wild : random(256)]);
        break;
      }
      case 5: {
        // A pointer that is good elsewhere.
        const from = places[random(places.length)]!;
        write(place(4), [...bytes.slice(from, from + 4)]);
        break;
      }
      default:
        if (isStrict || random(2) === 0) {
          const kept = random(8) === 0 ? random(bytes.length) : 512 * random(bytes.length / 512);
          done.push(`cut to ${kept}`);
          bytes = bytes.slice(0, kept);
          n = 0;
        } else {
          const [from, to] = [512 * random(bytes.length / 512), 512 * random(bytes.length / 512)];
          done.push(`${to}: 512 bytes from ${from}`);
          bytes.copyWithin(to, from, from + 512);
        }
    }
    if (bytes.length < 8) break;
  }
  return { bytes, what: done.join('; ') };
}
