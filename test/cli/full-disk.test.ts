/** Output on a full disk: a device that is always full, where the system has one. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { butil } from '../../bin/command-line.js';

const FULL = '/dev/full';
let directory = '';

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'isamite-full-'));
});

afterEach(() => rmSync(directory, { recursive: true }));

async function run(...words: string[]): Promise<{ code: number; out: string }> {
  const out: string[] = [];
  const code = await butil(words, {
    platform: 'linux',
    environment: { ISAMITE_ROOT: join(directory, 'root') },
    out: (text) => out.push(text),
    err: (text) => out.push(text),
  });
  return { code, out: out.join('\n') };
}

describe.skipIf(!existsSync(FULL))('a full disk', () => {
  test('is told of a description file and of the output of a command file', async () => {
    const [data, description, commands] = ['a.btr', 'a.des', 'a.cmd'].map((name) =>
      join(directory, name),
    ) as [string, string, string];
    writeFileSync(description, 'record=8 variable=n key=0 page=1024\n');
    writeFileSync(commands, '-ver <end>\n');
    expect((await run('-create', data, description)).code).toBe(0);
    const described = await run('-describe', data, FULL, '--yes');
    expect(described.code).toBe(2);
    expect(described.out).toContain(`BUTIL-207: The description file ${FULL}: the disk is full.`);
    const listed = await run(`@${commands}`, FULL);
    expect(listed.code).toBe(2);
    expect(listed.out).toContain(`BUTIL-207: The output file ${FULL}: the disk is full.`);
  });
});
