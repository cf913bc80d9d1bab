/** Every command of `butil`, and every way it can end: what is typed, and exactly what is printed. */
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { COMMANDS } from '../../bin/command-table.js';
import { formatTranscript, parseTranscript, TranscriptRun } from './transcript.js';

const FOLDER = fileURLToPath(new URL('./transcripts/', import.meta.url));
const UPDATES = process.env['UPDATE_TRANSCRIPTS'] === '1';

/**
 * Ends that differ from run to run (times, numbers of processes, bytes), and are in the tests of these commands;
 * and those that do not occur: what lists or explains can only be used wrongly.
 */
const ELSEWHERE: Readonly<Record<string, readonly number[]>> = {
  completion: [0, 2],
  contops: [2],
  dump: [0],
  events: [2],
  freeze: [0],
  hotcopy: [0],
  readlog: [0],
  recoverall: [2],
  rollfwd: [0],
  statistics: [0],
  stop: [2],
  thaw: [0],
  undo: [0],
  ver: [2],
};

const before = process.cwd();
let directory = '';

beforeEach(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), 'isamite-transcript-')));
  mkdirSync(join(directory, 'work'));
  // Names on the command line are relative, so that they are the same everywhere.
  process.chdir(join(directory, 'work'));
});

afterEach(() => {
  process.chdir(before);
  rmSync(directory, { recursive: true });
});

const names = readdirSync(FOLDER).filter((name) => name.endsWith('.txt'));

describe('transcripts', () => {
  test.each(names)('%s', async (name) => {
    const text = readFileSync(FOLDER + name, 'utf8');
    const platform = name.startsWith('windows') ? 'win32' : 'linux';
    const run = new TranscriptRun(join(directory, 'work'), join(directory, 'root'), platform);
    const printed = formatTranscript(await run.run(parseTranscript(text)));
    if (UPDATES) writeFileSync(FOLDER + name, printed);
    else expect(printed).toBe(text);
  });

  test('there is one for every way that a command can end', () => {
    const shown = names.map((name) => readFileSync(FOLDER + name, 'utf8')).join('\n');
    const steps = parseTranscript(shown);
    const missing = COMMANDS.flatMap(({ name }) => {
      const ends = new Set(
        steps
          .filter(({ line }) => new RegExp(`^\\$ -${name}\\b`, 'i').test(line))
          .map(({ body }) => Number(body.at(-1)?.slice(2))),
      );
      const elsewhere = ELSEWHERE[name] ?? [];
      return [0, 2, 3]
        .filter((code) => !ends.has(code) && !elsewhere.includes(code))
        .map((code) => `${name}: ${code}`);
    });
    expect(missing).toEqual([]);
  });

  test('there is one for every command', () => {
    const shown = names.map((name) => readFileSync(FOLDER + name, 'utf8')).join('\n');
    const missing = COMMANDS.filter(({ name }) => !new RegExp(`^\\$ -${name}\\b`, 'm').test(shown));
    expect(missing.map(({ name }) => name)).toEqual([]);
  });
});
