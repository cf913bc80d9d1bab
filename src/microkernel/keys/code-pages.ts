/**
 * Code pages that the platform has no decoder for, or a wrong one (Node 20 reads windows-1252 as Latin 1), and
 * the way from text to any of them, which it does not have at all. The tables are those of iconv-lite.
 *
 * Owns: the door to that library, which is loaded when the first code page is asked for: who has nothing but
 * UTF-8 never does.
 */
import { createRequire } from 'node:module';
import type * as Iconv from 'iconv-lite';

let library: typeof Iconv | undefined;

function iconv(): typeof Iconv {
  return (library ??= createRequire(import.meta.url)('iconv-lite') as typeof Iconv);
}

/** Of DOS, with text of one byte a character, and windows-1252. */
const UPPER_HALVES: ReadonlySet<number> = new Set([437, 850, 852, 1252]);
/** Bytes below this are controls where they are no characters. */
const CONTROLS_END = 0xa0;
/** Characters for private use: bytes from `CONTROLS_END` on that a code page does not have. */
const PRIVATE = 0xf700;

/** The 128 characters of the bytes from 128 on, of a code page of DOS or windows-1252. */
export function upperHalf(codePage: number): string | undefined {
  if (!UPPER_HALVES.has(codePage)) return undefined;
  return upperHalfOf(codePage === 1252 ? 'windows-1252' : `cp${codePage}`);
}

/**
 * The same for any code page of one byte a character, by its name. All characters differ: what is none in
 * the code page is a control character, or one for private use.
 */
export function upperHalfOf(name: string): string {
  const bytes = Uint8Array.from({ length: 128 }, (_, i) => 0x80 + i);
  return Array.from(iconv().decode(bytes, name), (character, i) => {
    const byte = 0x80 + i;
    if (character !== '\ufffd') return character;
    return String.fromCharCode(byte < CONTROLS_END ? byte : PRIVATE + byte);
  }).join('');
}

/** Text of bytes in any encoding of the library. What is no character is U+FFFD. */
export function decoded(bytes: Uint8Array, name: string): string {
  return iconv().decode(bytes, name);
}

/** Bytes of a text. What the encoding has not is replaced: who cannot have that decodes again. */
export function encoded(text: string, name: string): Uint8Array {
  return iconv().encode(text, name);
}
