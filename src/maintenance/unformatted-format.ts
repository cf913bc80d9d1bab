/**
 * The bytes of unformatted files, which LOAD reads and SAVE and RECOVER write.
 *
 *     length , data CR LF   for each record
 *     0x1A                  at the end
 *
 * The length is that of the data, in decimal digits; the data is any bytes. A file that would become
 * too long goes on in extension files. The format is that of the chapter on importing and exporting
 * in the Advanced Operations Guide (Actian Zen); `docs/unformatted-files.md` says what is read beyond
 * it.
 */

export const BYTE = Object.freeze({
  LF: 0x0a,
  CR: 0x0d,
  END: 0x1a,
  BLANK: 0x20,
  COMMA: 0x2c,
  ZERO: 0x30,
});

/** Bytes of memory of a reader or writer, and of a read or write. */
export const UNFORMATTED_BUFFER_SIZE = 1 << 20;
/** Digits of the longest length there can be, 4,294,967,295. */
export const LENGTH_DIGITS = 10;
/** Extension files are numbered from 1 to this. */
export const PART_LIMIT = 255;

/** The name of an extension file; `number` from 1 to 255, in hexadecimal. */
export function unformattedPartName(path: string, number: number): string {
  const digits = number.toString(16).padStart(2, '0');
  // A name that begins with its only dot has no extension, and neither has one without a dot.
  return `${path.replace(/(?<=[^/\\])\.[^./\\]*$/, '')}.~${digits}`;
}

/** What is wrong, and where. */
export interface UnformattedErrorDetails {
  /** In which it was found, from 1. */
  readonly record: number;
  /** In bytes, from the beginning of `file`. */
  readonly offset: number;
  readonly file: string;
  readonly expected: string;
  readonly found: string;
}

/** Bytes that are not those of an unformatted file. */
export class UnformattedError extends Error implements UnformattedErrorDetails {
  readonly record: number;
  readonly offset: number;
  readonly file: string;
  readonly expected: string;
  readonly found: string;

  constructor(message: string, details: UnformattedErrorDetails) {
    const { record, offset, file, expected, found } = details;
    super(
      `${file}: record ${record}, byte ${offset}: ${message}; expected ${expected}, found ${found}`,
    );
    this.name = 'UnformattedError';
    this.record = record;
    this.offset = offset;
    this.file = file;
    this.expected = expected;
    this.found = found;
  }
}
