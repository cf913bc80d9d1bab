/**
 * Every command line of every transcript once more, with `--json`: whatever it comes to, standard output is one JSON
 * document, with the exit code of the process in it.
 */
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { COMMANDS } from '../../bin/command-table.js';
import { splitCommand } from '../../bin/grammar.js';
import { parseTranscript, TranscriptRun } from './transcript.js';

const FOLDER = fileURLToPath(new URL('./transcripts/', import.meta.url));
const PARTS = ['command', 'exitCode', 'status', 'reason', 'result', 'warnings'];

const before = process.cwd();
let directory = '';
const seen = { documents: 0, commands: new Map<string, Set<number>>() };

beforeEach(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), 'isamite-json-')));
  mkdirSync(join(directory, 'work'));
  process.chdir(join(directory, 'work'));
});

afterEach(() => {
  process.chdir(before);
  rmSync(directory, { recursive: true });
});

afterAll(() => {
  const kinds = [...seen.commands.values()].reduce((sum, codes) => sum + codes.size, 0);
  console.log(`--json: ${seen.documents} documents, ${kinds} exit codes of commands`);
});

/** Behind the command, where it is an option whatever comes then. A command file has options of its own. */
function withJson(words: readonly string[]): readonly string[] {
  const [first = '', ...rest] = words;
  if (first.startsWith('@') || words.includes('--json')) return words;
  return words.length === 0 ? ['--json'] : [first, '--json', ...rest];
}

/** What was printed to standard output; undone what makes transcripts the same from run to run. */
function output(body: readonly string[]): string {
  return body
    .slice(0, -1)
    .filter((line) => !/^[!?] /.test(line) && line !== '(no banner)')
    .join('\n')
    .replaceAll('{pid}', '0');
}

describe('--json', () => {
  const names = readdirSync(FOLDER).filter((name) => name.endsWith('.txt'));

  test.each(names)('%s', async (name) => {
    const platform = name.startsWith('windows') ? 'win32' : 'linux';
    const steps = parseTranscript(readFileSync(FOLDER + name, 'utf8'));
    const run = new TranscriptRun(
      ...[join(directory, 'work'), join(directory, 'root'), platform, withJson],
    );
    // Numbers of transactions are taken from what the commands print for people.
    const hasNumbers = steps.some(({ line }) => line.includes('{tx}'));
    for (const [index, { line, body }] of (await run.run(steps)).entries()) {
      const [mark, first = ''] = line.split(' ');
      if (mark !== '$' || first.startsWith('@')) continue;
      const code = Number(body.at(-1)?.slice(2));
      const text = output(body);
      expect(() => JSON.parse(text) as unknown, `${line}\n${text}`).not.toThrow();
      const document = JSON.parse(text) as Record<string, unknown>;
      expect(Object.keys(document), line).toEqual(PARTS);
      const command = splitCommand(first === '' ? [] : [first], platform).command ?? '';
      const isKnown = COMMANDS.some((each) => each.name === command);
      expect(document, line).toMatchObject({ exitCode: code, ...(isKnown && { command }) });
      if (!hasNumbers) expect(`${line} = ${code}`).toBe(`${line} ${steps[index]?.body.at(-1)}`);
      seen.documents++;
      seen.commands.set(command, (seen.commands.get(command) ?? new Set()).add(code));
    }
  });

  test('all commands were among them, with a success and a mistake', () => {
    const missing = COMMANDS.filter(({ name }) => seen.commands.get(name)?.has(3) !== true);
    expect(missing.map(({ name }) => name)).toEqual([]);
  });
});
