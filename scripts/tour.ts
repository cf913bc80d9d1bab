/**
 * `npm run tour`: what there is so far, on the real disk, in a few seconds.
 *
 * Every claim is compared with what is found; the first that is not so ends the tour with exit
 * code 1. Leaves nothing behind.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, openSync, closeSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { butil } from '../bin/command-line.js';
import { BtrieveError } from '../src/index.js';
import { NumberFile } from './tour-file.js';

const KILLS = 5;

function say(text: string): void {
  console.log(text);
}

function claim(isSo: boolean, text: string): void {
  if (!isSo) throw new Error(`not so: ${text}`);
  say(`  ✓ ${text}`);
}

/** Shows a command and its real output; returns its exit code. */
async function show(...words: string[]): Promise<number> {
  say(`\n$ butil ${words.join(' ')}`);
  const out = (text: string): void => say(text.replaceAll(/^/gm, '  '));
  return butil(words, { platform: process.platform, out, err: out });
}

/** Lets another process write until it is killed; returns what it last said to be on disk. */
async function killedWriter(path: string, milliseconds: number): Promise<number> {
  const script = fileURLToPath(new URL('tour-writer.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', script, path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  let timer: NodeJS.Timeout | undefined;
  child.stdout.setEncoding('utf8');
  child.stdout.on('data', (text: string) => {
    // Counted from its first promise on, so that a slow start is not all there is to kill.
    timer ??= setTimeout(() => child.kill('SIGKILL'), milliseconds);
    said += text;
  });
  await new Promise((resolve) => child.on('close', resolve));
  const lines = said.split('\n');
  // What follows the last line end was cut off by the kill.
  lines.pop();
  return Number(lines.at(-1) ?? 0);
}

/** Every number is where it belongs. */
function isWhole(file: NumberFile): boolean {
  for (let n = 0; n < file.count; n++) if (file.get(n) !== n) return false;
  return true;
}

async function kills(path: string): Promise<void> {
  say('\nA writer in another process, killed in the middle of its work, five times over:');
  for (let kill = 1; kill <= KILLS; kill++) {
    const promised = await killedWriter(path, 40 + 25 * kill);
    const events: string[] = [];
    const file = new NumberFile(path, 'write', { write: ({ id }) => void events.push(id) });
    claim(
      file.count >= promised && isWhole(file) && events.includes('file-unclean'),
      `kill ${kill}: ${promised} numbers were promised, ${file.count} are there, each in its place`,
    );
    file.append(1);
    file.close();
  }
}

function secondEngine(path: string): void {
  say('\nOne engine at a time may write to a file:');
  const first = new NumberFile(path, 'write');
  let status = 0;
  try {
    new NumberFile(path, 'write').close();
  } catch (error) {
    if (!(error instanceof BtrieveError)) throw error;
    status = error.status;
  }
  first.close();
  claim(status === 85, 'a second one gets status 85');
}

function flipBit(path: string, at: number): void {
  const fd = openSync(path, 'r+');
  const byte = new Uint8Array(1);
  readSync(fd, byte, 0, 1, at);
  byte[0] = (byte[0] ?? 0) ^ 4;
  writeSync(fd, byte, 0, 1, at);
  closeSync(fd);
}

async function tour(directory: string): Promise<void> {
  const path = join(directory, 'numbers.dat');
  say('A data file of pages, and two thousand of them changed in one system transaction:');
  NumberFile.create(path);
  const file = new NumberFile(path, 'write');
  file.append(2000);
  file.close();
  claim((await show('-check', path)) === 0, 'the check finds nothing wrong');
  await kills(path);
  claim((await show('-check', path)) === 0, 'after all that, nothing is wrong');
  secondEngine(path);
  say('\nOne bit of a page goes bad:');
  // In the first region all usable pages hold numbers by now; this is the 20th of them.
  const at = 26 * 1024 + 300;
  flipBit(path, at);
  claim((await show('-check', path)) === 1, 'the check finds it, and where it is');
  flipBit(path, at);
  claim((await show('-check', path)) === 0, 'and is content when the bit is put right');
}

const directory = mkdtempSync(join(tmpdir(), 'isamite-tour-'));
try {
  await tour(directory);
  say('\nThat was the tour.');
} finally {
  rmSync(directory, { recursive: true });
}
