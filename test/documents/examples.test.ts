/**
 * The examples in the docstrings of the public surface run, and print what stands behind their `console.log`.
 *
 * Each runs in a directory of its own, in which there are: `engine`, an engine with the requester on; `client`;
 * `Order` and `orders`, a file of two records that the client has open; `closed.btr`, the same, closed; and
 * `archived.btr` with an archival log of one transaction.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { translated } from '../support/compiled-tree.js';
import { compiled } from '../support/programs.js';

const run = promisify(execFile);

const SOURCES = fileURLToPath(new URL('../../src/', import.meta.url));
const EXAMPLE = /@example\n\s*\* ```ts\n([^`]*)\* ```/gu;

interface Example {
  readonly place: string;
  readonly lines: readonly string[];
}

function examplesIn(path: string): Example[] {
  const text = readFileSync(join(SOURCES, path), 'utf8');
  return [...text.matchAll(EXAMPLE)].map((match) => ({
    place: `${path}:${text.slice(0, match.index).split('\n').length}`,
    lines: (match[1] ?? '')
      .split('\n')
      .map((line) => line.replace(/^\s*\* ?/u, ''))
      .filter((line) => line.trim() !== ''),
  }));
}

/** A program around an example. */
function program({ place, lines }: Example, base: string): string {
  const text = lines.join('\n');
  const ownEngine = text.includes('MicroKernel.start(');
  return `
import * as isamite from '${pathToFileURL(compiled('src/index.ts')).href}';
import { mkdirSync } from 'node:fs';
Object.assign(globalThis, isamite);
const base = ${JSON.stringify(base)};
const directory = base + '/' + ${JSON.stringify(place.replaceAll(/\W/gu, '-'))};
mkdirSync(directory);
process.chdir(directory);
Object.assign(globalThis, {
  Order: defineRecord(
    { id: autoincrement(4), name: zstring(30) },
    { keys: { byId: key('id'), byName: key('name', { duplicates: true, modifiable: true }) } },
  ),
});
const others = MicroKernel.start({ root: 'root', settings: { archivalLoggingSelectedFiles: true } });
const anna = others.client({ name: 'anna' });
for (const name of ['orders.btr', 'closed.btr', 'archived.btr']) anna.createFile(name, Order);
for (const name of ['orders.btr', 'closed.btr']) {
  const file = anna.openFile(name, Order);
  for (const person of ['Ada', 'Grace']) file.insert({ name: person });
  file.close();
}
others.stop();
addToRootBlog({ root: 'root' }, directory + '/archived.btr');
${
  ownEngine
    ? ''
    : `const engine = MicroKernel.start({ root: 'root', settings: { archivalLoggingSelectedFiles: true } });
const writer = engine.client({ name: 'anna' });
const archived = writer.openFile('archived.btr', Order);
archived.insert({ name: 'Ada' });
archived.close();
const client = engine.client();
const orders = client.openFile('orders.btr', Order);`
}
${text}
${ownEngine ? '' : 'engine.stop();'}
`;
}

const examples = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .flatMap(examplesIn);

test.each(examples)('the example at $place', async (example) => {
  const base = mkdtempSync(join(tmpdir(), 'isamite-examples-'));
  try {
    const path = join(base, 'example.mjs');
    writeFileSync(path, translated(program(example, base)));
    const { stdout } = await run(process.execPath, [path]);
    const promised = example.lines.flatMap((line) => {
      const text = /console\.log\(.*\); \/\/ (.*)$/u.exec(line)?.[1];
      return text === undefined ? [] : [text];
    });
    expect(promised.length, 'an example shows what it comes to').toBeGreaterThan(0);
    expect(stdout.split('\n').filter((line) => line !== '')).toEqual(promised);
  } finally {
    rmSync(base, { recursive: true, force: true });
  }
});

test('there are examples', () => {
  expect(examples.length).toBeGreaterThan(15);
});
