/** What a terminal can show; asking a person, or reading standard input where there is none. */
import { readFileSync, readSync } from 'node:fs';
import { isatty } from 'node:tty';

const ENTER = 13;
const LINE_FEED = 10;
const BACKSPACE = 127;
const BACKSPACE_TOO = 8;
const INTERRUPT = 3;
const END = 4;

/**
 * What may be sent to a terminal: a dumb one knows no escape codes and no way back in its line; `NO_COLOR`, if it says
 * anything, wants none of the codes.
 */
export function outputOf(environment: Readonly<Record<string, string | undefined>>): {
  mayDraw: boolean;
  mayEscape: boolean;
} {
  const isDumb = environment['TERM'] === 'dumb';
  const isPlain = (environment['NO_COLOR'] ?? '') !== '';
  return { mayDraw: !isDumb, mayEscape: !isDumb && !isPlain };
}

interface Screen {
  /** Of a line; 0 or undefined if nobody knows. */
  readonly columns?: number;
  write(text: string): unknown;
}

/** Draws a line in the place of the one before, cut to what the terminal has room for: a second one would stay. */
export function progressLine(screen: Screen, mayEscape: boolean): (text: string) => void {
  let before = 0;
  return (text) => {
    const { columns = 0 } = screen;
    const line = columns > 1 ? text.slice(0, columns - 1) : text;
    if (mayEscape) screen.write(`\r\u001b[K${line}`);
    else screen.write(`\r${' '.repeat(before)}\r${line}`);
    before = line.length;
  };
}

/** All of standard input. */
export function readAll(): string {
  return readFileSync(0, 'utf8');
}

/**
 * Asks on standard error and reads one line. What is hidden is not echoed on a terminal. Undefined if
 * there is no more input.
 */
export async function ask(question: string, isHidden: boolean): Promise<string | undefined> {
  // Looking at `process.stdin` would make reading from a pipe fail.
  if (!isatty(0)) {
    process.stderr.write(question);
    return readLine();
  }
  // Whoever sees the question may type at once, and nothing of it is to be shown.
  process.stdin.setRawMode(true);
  process.stderr.write(question);
  const answer = await typed(isHidden);
  process.stderr.write('\n');
  return answer;
}

/** One line, byte by byte, so that what follows is left to whoever asks next. */
function readLine(): string | undefined {
  const bytes: number[] = [];
  const one = new Uint8Array(1);
  for (;;) {
    if (readSync(0, one) === 0) break;
    if (one[0] === LINE_FEED) return Buffer.from(bytes).toString().replace(/\r$/, '');
    bytes.push(one[0] ?? 0);
  }
  return bytes.length === 0 ? undefined : Buffer.from(bytes).toString();
}

/** A line typed on a terminal that is in raw mode; ends that. */
function typed(isHidden: boolean): Promise<string | undefined> {
  const { stdin, stderr } = process;
  return new Promise((resolve) => {
    let bytes: number[] = [];
    const end = (answer: string | undefined): void => {
      stdin.setRawMode(false);
      stdin.pause();
      stdin.off('data', take);
      resolve(answer);
    };
    const take = (data: Buffer): void => {
      for (const byte of data) {
        if (byte === ENTER || byte === LINE_FEED) {
          end(Buffer.from(bytes).toString());
          return;
        }
        if (byte === INTERRUPT || (byte === END && bytes.length === 0)) {
          end(undefined);
          if (byte === INTERRUPT) process.kill(process.pid, 'SIGINT');
          return;
        }
        if (byte === BACKSPACE || byte === BACKSPACE_TOO) bytes = bytes.slice(0, -1);
        else bytes.push(byte);
      }
      if (!isHidden) stderr.write(data);
    };
    stdin.resume();
    stdin.on('data', take);
  });
}
