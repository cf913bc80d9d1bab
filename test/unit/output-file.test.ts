/** Output files of commands: two makers of one name, and what a crash left. */
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { OutputFile } from '../../src/maintenance/output-file.js';
import { MicroKernel } from '../../src/index.js';
import { writeFully } from '../../src/microkernel/disk-error.js';
import { Line, makeFile } from '../support/log-world.js';

let directory = '';
let path = '';

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'isamite-output-'));
  path = join(directory, 'a.out');
});

afterEach(() => rmSync(directory, { recursive: true }));

function write({ handle }: OutputFile, text: string): void {
  writeFully(handle, Buffer.from(text), 0, text.length, 0);
}

test('what a crash left is replaced', () => {
  writeFileSync(`${path}.isamite-made`, 'left');
  const file = new OutputFile(path);
  write(file, 'new');
  file.finish();
  expect(readFileSync(path, 'latin1')).toBe('new');
  expect(readdirSync(directory)).toEqual(['a.out']);
});

test('what another one is still making gets no name, and its maker can finish', () => {
  writeFileSync(path, 'old');
  const [first, second] = [new OutputFile(path), new OutputFile(path)];
  write(first, 'all of the first');
  write(second, 'half');
  expect(() => first.finish()).toThrow(
    expect.objectContaining({ status: 85, reason: 'made-twice' }),
  );
  first.discard();
  expect(readFileSync(path, 'latin1')).toBe('old');
  write(second, 'all of the second');
  second.finish();
  expect(readFileSync(path, 'latin1')).toBe('all of the second');
  expect(readdirSync(directory)).toEqual(['a.out']);
});

test('a data file that is open, or in continuous operation, is not replaced', () => {
  const data = join(directory, 'a.dat');
  const engine = MicroKernel.start({
    root: join(directory, 'root'),
    settings: { requester: false },
  });
  try {
    makeFile(engine.client(), data).close();
    const begun = new OutputFile(data, { overDataFile: true });
    write(begun, 'new');
    const refusal = (reason: string): Error =>
      expect.objectContaining({ status: 85, reason }) as Error;
    const made = engine.client().openFile(data, Line);
    expect(() => new OutputFile(data, { overDataFile: true })).toThrow(refusal('locked'));
    expect(() => begun.finish()).toThrow(refusal('locked'));
    engine.startContinuous([data]);
    made.close();
    expect(() => new OutputFile(data, { overDataFile: true })).toThrow(refusal('continuous'));
    expect(() => begun.finish()).toThrow(refusal('continuous'));
    engine.endContinuous('all');
    begun.finish();
    expect(readFileSync(data, 'latin1')).toBe('new');
  } finally {
    engine.stop();
  }
});
