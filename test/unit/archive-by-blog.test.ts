/** Archiving as people switch it on: the setting, and `blog.cfg` on the real disk. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { archiveEntries } from '../../src/archival/archive-reader.js';
import {
  autoincrement,
  defineRecord,
  key,
  MicroKernel,
  zstring,
  type Settings,
} from '../../src/index.js';
import { NodeFileSystem } from '../../src/microkernel/node-files.js';

const Row = defineRecord(
  { id: autoincrement(4), name: zstring(20) },
  { keys: { byId: key('id') } },
);

let base = '';
let root = '';
const running = new Set<MicroKernel>();

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'isamite-blog-'));
  root = join(base, 'root');
  mkdirSync(join(root, 'blog'), { recursive: true });
});

afterEach(() => {
  for (const engine of running) engine.stop();
  running.clear();
  rmSync(base, { recursive: true, force: true });
});

function start(settings: Partial<Settings> = {}): MicroKernel {
  const all = { archivalLoggingSelectedFiles: true, requester: false, ...settings };
  const engine = MicroKernel.start({ root, settings: all });
  running.add(engine);
  return engine;
}

function blog(...names: string[]): void {
  const lines = names.map((name) => `${join(base, name)}\n`);
  writeFileSync(join(root, 'blog', 'blog.cfg'), lines.length === 0 ? '\n' : lines.join(''));
}

/** How many records were inserted by what the archival log of a file holds. */
function archived(name: string): number {
  const path = join(base, name);
  if (!existsSync(path)) return -1;
  let changes = 0;
  for (const entry of archiveEntries(new NodeFileSystem(), path)) {
    if (entry.kind === 'transaction') changes += entry.count;
  }
  return changes;
}

function events(): string {
  return readFileSync(join(root, 'event.log'), 'utf8');
}

describe('archival logging by blog.cfg', () => {
  it('archives the files that it names, and no others', () => {
    blog('a.btr');
    const client = start().client();
    for (const name of ['a.btr', 'b.btr']) {
      client.createFile(join(base, name), Row);
      const file = client.openFile(join(base, name), Row);
      for (let i = 0; i < 10; i++) file.insert({ name: `${name} ${i}` });
      file.close();
    }
    expect(archived('a.log')).toBe(10);
    expect(archived('b.log')).toBe(-1);
  });

  it('archives nothing while the setting is off', () => {
    blog('a.btr');
    const client = start({ archivalLoggingSelectedFiles: false }).client();
    client.createFile(join(base, 'a.btr'), Row);
    const file = client.openFile(join(base, 'a.btr'), Row);
    file.insert({ name: 'x' });
    file.close();
    expect(archived('a.log')).toBe(-1);
    expect(events()).toContain('blog-ignored');
  });

  it('follows an edit while files are open', async () => {
    blog('a.btr');
    const client = start().client();
    client.createFile(join(base, 'b.btr'), Row);
    const file = client.openFile(join(base, 'b.btr'), Row);
    file.insert({ name: 'before' });
    blog('a.btr', 'b.btr');
    for (let i = 0; i < 200 && !existsSync(join(base, 'b.log')); i++) await sleep(50);
    file.insert({ name: 'after' });
    file.flush();
    expect(archived('b.log')).toBe(1);
    expect(events()).toContain('blog-added');
    blog('a.btr');
    for (let i = 0; i < 200 && !events().includes('blog-removed'); i++) await sleep(50);
    file.insert({ name: 'no more' });
    file.close();
    expect(archived('b.log')).toBe(1);
  });

  it('follows an edit in a program that never yields', () => {
    blog('a.btr');
    const client = start({ initiationTimeLimitMs: 20 }).client();
    client.createFile(join(base, 'b.btr'), Row);
    const file = client.openFile(join(base, 'b.btr'), Row);
    blog('a.btr', 'b.btr');
    const until = Date.now() + 60_000;
    while (!existsSync(join(base, 'b.log')) && Date.now() < until) file.insert({ name: 'busy' });
    const count = file.count;
    file.insert({ name: 'after' });
    file.close();
    expect(archived('b.log')).toBeGreaterThan(0);
    expect(archived('b.log')).toBeLessThanOrEqual(count + 1);
  });
});
