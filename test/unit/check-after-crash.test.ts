/**
 * What a check says of files whose engine was killed: nothing that a kill can leave is damage, and of a file that
 * was being taken out of continuous operation it says so.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checkFile, MicroKernel } from '../../src/index.js';
import { activeSetsFileOf, readActiveFiles } from '../../src/contops/active-sets.js';
import { DeltaFileSystem } from '../../src/contops/delta-files.js';
import { checkPages, type CheckReport } from '../../src/microkernel/check.js';
import type { FileSystem } from '../../src/microkernel/ports.js';
import { add, Line, makeFile, newLogWorld, ROOT, startEngine } from '../support/log-world.js';

const PATH = '/d/a.dat';

/** As `checkFile` does, on a disk of the test's. */
function checked(disk: FileSystem): CheckReport {
  const active = readActiveFiles(disk, activeSetsFileOf(ROOT));
  const handle = new DeltaFileSystem(disk, () => active).open(PATH, 'read');
  try {
    return checkPages(handle);
  } finally {
    handle.close();
  }
}

test('killed at any moment of closing, being put in and taken out, no file has findings', () => {
  const world = newLogWorld();
  const engine = startEngine(world);
  const client = engine.client();
  const file = makeFile(client, PATH);
  add(client, file, 1, 60);
  engine.flush();
  const recording = world.disk.record();
  file.close();
  const again = client.openFile(PATH, Line);
  add(client, again, 61, 90);
  engine.startContinuous([PATH]);
  add(client, again, 91, 200);
  engine.endContinuous([PATH]);
  add(client, again, 201, 210);
  engine.stop();
  const { points } = recording.finish();
  const notes: string[] = [];
  for (const point of points) {
    const report = checked(point.imageWith(() => true));
    expect(report.findings, `after ${point.steps} steps`).toEqual([]);
    notes.push(...report.notes.map(({ message }) => message));
  }
  expect(points.length).toBeGreaterThan(50);
  // Between the two writes of a clean close the other copies are older than after one.
  expect(notes.length).toBeGreaterThan(0);
  expect(new Set(notes)).toEqual(
    new Set([
      'a copy of the file control record cannot be used, as a crash leaves it: ' +
        'the copy of the file control record is older than what was written there last',
    ]),
  );
});

test('an end that was interrupted is said, with what to do, and is no damage', () => {
  const directory = mkdtempSync(join(tmpdir(), 'isamite-'));
  try {
    const root = join(directory, 'root');
    const path = join(directory, 'a.dat');
    const engine = MicroKernel.start({ root });
    const client = engine.client();
    const file = makeFile(client, path);
    add(client, file, 1, 50);
    engine.startContinuous([path]);
    add(client, file, 51, 3000);
    engine.flush();
    const active = refusalOf(path);
    engine.endingContinuous([path]).next();
    engine.stopQuietly();
    const report = checkFile(path);
    expect(active).toBe(85);
    expect(report).toMatchObject({
      ...{ findingCount: 0, isEnding: true, delta: join(directory, 'a.^^^') },
      content: { records: 3000 },
      notes: [
        {
          reason: 'ending',
          message:
            'the end of continuous operation was interrupted: its delta is being rolled in, and nothing is lost; ' +
            'that goes on when the file is opened, or by butil -endbu',
        },
      ],
    });
    expect(report.notes[0]?.message).toContain('butil -endbu');
    const next = MicroKernel.start({ root });
    next.client().openFile(path, Line);
    expect(next.continuous()).toEqual([]);
    next.stop();
    expect(checkFile(path)).toMatchObject({ findingCount: 0, notes: [] });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

/** The status with which a check is refused while the engine has the file. */
function refusalOf(path: string): number {
  try {
    checkFile(path);
    return 0;
  } catch (error) {
    return (error as { status: number }).status;
  }
}
