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

  test('there is one for every command', () => {
    const shown = names.map((name) => readFileSync(FOLDER + name, 'utf8')).join('\n');
    const missing = COMMANDS.filter(({ name }) => !new RegExp(`^\\$ -${name}\\b`, 'm').test(shown));
    expect(missing.map(({ name }) => name)).toEqual([]);
  });
});
