/**
 * What readers are told to do is done: the `sh` and `ts` blocks of the documents run as printed, one after
 * the other, in an empty directory for each document.
 *
 * - A block of `sh` runs line by line; what a line exits with stands behind it as `# exit code N`, else it
 *   is 0. Blocks that install something (`npm …`) are what `npm test` itself is made of, and are left out.
 * - A block of `ts` that imports something is a program: what it prints is what stands behind its
 *   `console.log` as a comment. A block without imports is an excerpt, and left out.
 * - A block of another kind behind one of `sh` is what some lines of it print, if it is `text`.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { translated } from '../support/compiled-tree.js';
import { compiled } from '../support/programs.js';

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));
const DOCUMENTS = ['README.md', 'docs/getting-started.md', 'docs/backup-and-recovery.md'];

interface Block {
  readonly language: string;
  readonly line: number;
  readonly text: string;
}

function blocksOf(document: string): Block[] {
  const text = readFileSync(join(PROJECT, document), 'utf8');
  return [...text.matchAll(/^```(\w*)\n(.*?)^```$/gmsu)].map((match) => ({
    language: match[1] ?? '',
    line: text.slice(0, match.index).split('\n').length + 1,
    text: match[2] ?? '',
  }));
}

/** What a program says that it prints. */
function promised(program: string): string[] {
  return [...program.matchAll(/console\.log\(.*\);?(?: \}\);?)? \/\/ (.*)$/gmu)].map(
    ([, text]) => text ?? '',
  );
}

let base = '';

beforeAll(() => {
  base = mkdtempSync(join(tmpdir(), 'isamite-documents-'));
  const programs = join(base, 'bin');
  mkdirSync(programs);
  const scripts: Readonly<Record<string, string>> = {
    butil: `exec '${process.execPath}' '${compiled('bin/butil.ts')}' "$@"`,
    npx: 'exec "$@"',
  };
  for (const [name, script] of Object.entries(scripts)) {
    writeFileSync(join(programs, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(programs, name), 0o755);
  }
});

afterAll(() => {
  rmSync(base, { recursive: true, force: true });
});

function run(cwd: string, line: string): { status: number | null; text: string; out: string } {
  const path = `${join(base, 'bin')}${delimiter}${process.env['PATH'] ?? ''}`;
  const env = { ...process.env, PATH: path, NO_COLOR: '1' };
  const { status, stdout, stderr } = spawnSync('sh', ['-c', line], { cwd, env, encoding: 'utf8' });
  return { status, text: stdout + stderr, out: stdout };
}

function runShell(cwd: string, block: Block): string {
  let seen = '';
  for (const line of block.text.split('\n')) {
    const command = line.replace(/\s+#.*$/u, '');
    if (command.trim() === '' || command.startsWith('#')) continue;
    const expected = Number(/# exit code (\d)/u.exec(line)?.[1] ?? 0);
    const { status, text } = run(cwd, command);
    expect(status, `line ${block.line}: ${command}\n${text}`).toBe(expected);
    seen += text;
  }
  return seen;
}

function runProgram(cwd: string, block: Block): void {
  const source = pathToFileURL(compiled('src/index.ts')).href;
  const program = join(cwd, `block-${block.line}.mjs`);
  writeFileSync(program, translated(block.text.replaceAll("from 'isamite'", `from '${source}'`)));
  const { status, text, out } = run(cwd, `'${process.execPath}' ${program}`);
  expect(status, `line ${block.line}\n${text}`).toBe(0);
  expect(out.split('\n').filter((line) => line !== '')).toEqual(promised(block.text));
}

function shownIn(block: Block, seen: string): void {
  for (const line of block.text.split('\n')) {
    if (line.trim() !== '' && line.trim() !== '…') {
      expect(seen, `line ${block.line}`).toContain(line.trim());
    }
  }
}

describe.each(DOCUMENTS)('%s', (document) => {
  it('runs as printed', () => {
    const cwd = join(base, document.replaceAll(/\W/gu, '-'));
    mkdirSync(cwd);
    let seen = '';
    let count = 0;
    for (const block of blocksOf(document)) {
      if (block.language === 'sh' && !/^npm /mu.test(block.text)) seen = runShell(cwd, block);
      else if (block.language === 'ts' && block.text.includes('import ')) runProgram(cwd, block);
      else if (block.language === 'text') shownIn(block, seen);
      else continue;
      count++;
    }
    console.log(`${document}: ${count} blocks were run or compared`);
    expect(count).toBeGreaterThan(0);
    // The front page has no excerpts: whoever copies one finds names that nothing declares.
    if (document === 'README.md') {
      for (const { language, text } of blocksOf(document)) {
        if (language === 'ts') expect(text).toContain('import ');
      }
    }
  });
});
