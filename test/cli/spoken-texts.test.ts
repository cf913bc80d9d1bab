/**
 * Whatever `butil` may say stands in a transcript, or in the list of what no transcript can show, with the reason: a
 * new message fails here until somebody has seen it printed.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { spokenTexts } from './spoken-texts.js';
import { parseTranscript } from './transcript.js';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const TOP = join(HERE, '../..');

/** Folders whose files speak to users, without those that make help, completion, and the other program. */
const FOLDERS = ['bin', 'bin/commands', 'src/maintenance', 'src/exchange'];
const SILENT = /isamited|command-table|completion|declaration|messages|butil\.ts$/;

function sources(): string[] {
  return FOLDERS.flatMap((folder) =>
    readdirSync(join(TOP, folder))
      .filter((name) => name.endsWith('.ts') && !SILENT.test(name))
      .map((name) => `${folder}/${name}`),
  );
}

/** What the commands of all transcripts print. */
function printed(): string {
  const folder = join(HERE, 'transcripts');
  return readdirSync(folder)
    .flatMap((name) => parseTranscript(readFileSync(join(folder, name), 'utf8')))
    .filter(({ line }) => line.startsWith('$'))
    .flatMap(({ body }) => body.map((each) => each.replace(/^[!?] /, '')))
    .join('\n');
}

/** `file: text`, without lines of reasons. */
function listed(): string[] {
  const lines = readFileSync(join(HERE, 'spoken-elsewhere.txt'), 'utf8').split('\n');
  return lines.filter((line) => line !== '' && !line.startsWith('#'));
}

describe('what butil may say', () => {
  const output = printed();
  const texts = sources().flatMap((file) =>
    spokenTexts(file, readFileSync(join(TOP, file), 'utf8')),
  );
  const unseen = texts
    .filter(({ pattern }) => !pattern.test(output))
    .map(({ file, text }) => `${file}: ${JSON.stringify(text)}`);

  test('stands in a transcript, or in the list of what cannot', () => {
    const known = new Set(listed());
    expect(unseen.filter((line) => !known.has(line))).toEqual([]);
  });

  test('nothing is on the list that is shown, or said no longer', () => {
    const still = new Set(unseen);
    expect(listed().filter((line) => !still.has(line))).toEqual([]);
  });

  test('texts are found in sources', () => {
    const source =
      'fail(`no file ${name} here at all`); assert(x, "this is never seen"); const a = "one";';
    const [found, ...others] = spokenTexts('a.ts', source);
    expect(others).toEqual([]);
    expect(found?.text).toBe('no file {} here at all');
    expect(found?.pattern.test('No file a.btr here at all.')).toBe(true);
    expect(found?.pattern.test('No file a.btr here.')).toBe(false);
  });
});
