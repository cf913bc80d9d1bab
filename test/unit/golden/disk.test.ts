/**
 * Golden scripts on a disk that is full, fails, refuses or is cut off: 2, 17, 18, 25, 46, 56, 86, 94,
 * and what can be used on afterwards. Facts: Status Codes and Messages.
 */
import { describe, expect, test } from 'vitest';
import type { Fault } from '../../support/faulty-files.js';
import { DATA_ONLY, NOTES, PEOPLE } from './fixtures.js';
import { finish, PATH, run, Script, World } from './script.js';

function isPath(path: string): boolean {
  return path.startsWith(PATH);
}

/** The engine of a disk that nobody looks at any more. */
function stopQuietly(world: World): void {
  try {
    world.kernel.stop();
  } catch {
    // It has lost its disk in the middle of something.
  }
}

/** A script on the file of people, closed, with a disk that fails. */
function closedWith(fault: Fault): Script {
  const script = new Script(new World(UNLOGGED));
  script.begin(PEOPLE);
  run(script, 'CLOSE => 0');
  script.world.faults.setFault(fault);
  return script;
}

/** These scripts are about data files; the log has its own tests. */
const UNLOGGED = { settings: { transactionLogging: false } };

describe('a full disk', () => {
  test('Insert is 18, nothing is lost, and with room it goes on', () => {
    const world = new World({ settings: { operationBundleLimit: 1 } });
    const script = new Script(world);
    script.begin(DATA_ONLY);
    world.disk.capacity = 100_000;
    let stored = 3;
    for (;;) {
      const [line] = script.play('INSERT -1 data="12345678" => 18');
      if (line?.endsWith('=> 18') === true) break;
      stored++;
      expect(stored).toBeLessThan(50_000);
    }
    const count = `STAT 0 len=16 => 0 data=2:8,2:1024,2:0,4:${stored},2:0x200,1:0,1:0,2:0 key=x00`;
    run(
      script,
      `
      INSERT -1 data="12345678" => 18
      STEP_FIRST => 0 data=$One
      ${count}
      `,
    );
    world.disk.capacity = undefined;
    run(
      script,
      `
      INSERT -1 data="the next" => 0
      STEP_LAST => 0 data="the next"
      CLOSE => 0
      OPEN key="/d/a.dat"z => 0
      STEP_LAST => 0 data="the next"
      ${count.replace(`4:${stored}`, `4:${stored + 1}`)}
      `,
    );
    finish(script);
  });

  test('Close is 18 and the file stays open, until there is room', () => {
    const script = new Script(new World(UNLOGGED));
    script.begin(DATA_ONLY);
    const { disk } = script.world;
    disk.capacity = 20_000;
    run(
      script,
      `
      EXT_INSERT -1 data=2:1000,$many => 0 len=4002
      CLOSE => 18
      CLOSE => 18
      STEP_LAST => 0 data="12345678"
      INSERT -1 data="the last" => 0
      RESET => 18
      `.replace('$many', Array.from({ length: 1000 }, () => '2:8,"12345678"').join(',')),
    );
    disk.capacity = undefined;
    run(
      script,
      `
      STEP_LAST => 0 data="the last"
      CLOSE => 0
      OPEN key="/d/a.dat"z => 0
      STEP_LAST => 0 data="the last"
      `,
    );
    finish(script);
  });

  test('Create is 18, and there is no file', () => {
    const script = new Script(new World(UNLOGGED));
    script.world.disk.capacity = 1000;
    run(
      script,
      `
      CREATE key="/d/a.dat"z data=F(8 4096 0) => 18
      OPEN key="/d/a.dat"z => 12
      `,
    );
    script.world.disk.capacity = undefined;
    run(script, 'CREATE key="/d/a.dat"z data=F(8 4096 0) => 0');
    finish(script);
  });
});

describe('a disk that refuses', () => {
  test('no rights to a file: 94', () => {
    const script = closedWith({ at: 1, code: 'EACCES', operations: ['open'], paths: isPath });
    run(script, 'OPEN key="/d/a.dat"z => 94\nOPEN key="/d/a.dat"z => 0');
    finish(script);
  });

  test('a disk for reading only: 46, and read-only opening goes', () => {
    const fault: Fault = { at: 1, code: 'EROFS', operations: ['open'], paths: isPath };
    const script = closedWith(fault);
    run(script, 'OPEN key="/d/a.dat"z => 46');
    script.world.faults.setFault(fault);
    run(
      script,
      `
      OPEN -2 key="/d/a.dat"z => 0
      GET_FIRST 0 => 0 data=$Abe key="Abe"/8
      CLOSE => 0
      `,
    );
    finish(script);
  });

  test('too many open files: 86', () => {
    const script = closedWith({ at: 1, code: 'EMFILE', operations: ['open'], paths: isPath });
    run(script, 'OPEN key="/d/a.dat"z => 86\nOPEN key="/d/a.dat"z => 0');
    finish(script);
  });
});

describe('a disk that fails', () => {
  test('Open is 2', () => {
    const script = closedWith({ at: 1, code: 'EIO', operations: ['read'], paths: isPath });
    run(script, 'OPEN key="/d/a.dat"z => 2\nOPEN key="/d/a.dat"z => 0');
    finish(script);
  });

  test('Create is 25, and the old file is still there', () => {
    const script = closedWith({ at: 1, code: 'EIO', operations: ['create'], paths: isPath });
    run(
      script,
      `
      CREATE key="/d/a.dat"z data=F(8 1024 0) => 25
      OPEN key="/d/a.dat"z => 0
      GET_FIRST 0 => 0 data=$Abe key="Abe"/8
      `,
    );
    finish(script);
  });

  test('Close is 17 if the system does not close, and the file is whole', () => {
    const script = closedWith({ at: 1, code: 'EIO', operations: ['close'], paths: isPath });
    run(
      script,
      `
      OPEN key="/d/a.dat"z => 0
      INSERT -1 data="Fay"/8,2:1,"Bern"/6 => 0
      CLOSE => 17
      CLOSE => 3
      OPEN key="/d/a.dat"z => 0
      GET_EQUAL 0 key="Fay"/8 => 0 data="Fay"/8,2:1,"Bern"/6
      `,
    );
    finish(script);
  });

  test('a damaged page is 2, and the others are read', () => {
    const script = new Script(new World(UNLOGGED));
    script.begin(NOTES);
    run(script, 'CLOSE => 0');
    const { disk } = script.world;
    const handle = disk.open(PATH, 'read');
    const bytes = Buffer.alloc(handle.size());
    handle.read(bytes, 0, bytes.length, 0);
    handle.close();
    // In the variable part of the long record.
    const at = bytes.indexOf('abcdefghijabcdefghij');
    disk.flipBit(PATH, at, 0);
    run(
      script,
      `
      OPEN key="/d/a.dat"z => 0
      GET_EQUAL 0 key="Long"/8 len=4000 => 2 len=4000
      GET_EQUAL 0 key="Short"/8 => 0 data=$Short
      CLOSE => 0
      `,
    );
    disk.flipBit(PATH, at, 0);
    run(
      script,
      `
      OPEN key="/d/a.dat"z => 0
      GET_EQUAL 0 key="Long"/8 len=4000 => 0 data=$Long
      `,
    );
    finish(script);
  });
});

describe('more than the cache holds', () => {
  test('one operation that needs more pages than there are is 100, and the next works', () => {
    const world = new World({ settings: { cacheAllocationSize: 1024 * 1024 } });
    const script = new Script(world);
    script.begin(NOTES);
    run(
      script,
      `
      GET_EQUAL 0 key="Short"/8 => 0 data=$Short
      CHUNK_UPDATE 0 data=4:0xa0000000,4:1,4:0,4:3000000,4:0,"0123456789"*300000 => 100
      GET_EQUAL 0 => 0 data=$Short
      UPDATE 0 data="Short"/8,4:2 => 0
      `,
    );
    finish(script);
  });
});

describe('an index that a crash left half done', () => {
  /** What Get First on a key returns at each moment of a call that the power cut off. */
  function statusesAround(call: string, key: number): number[] {
    const statuses: number[] = [];
    for (let step = 1; ; step++) {
      const world = new World(UNLOGGED);
      const script = new Script(world);
      script.begin(PEOPLE);
      world.disk.cutPowerAt(world.disk.steps + step);
      const [line = ''] = script.play(`${call} => 0`);
      world.disk.cutPowerAt(Infinity);
      if (line.endsWith('=> 0')) {
        finish(script);
        return statuses;
      }
      const disk = world.disk.crashPoint().imageWith(() => true);
      stopQuietly(world);
      const after = new Script(new World({ disk, root: '/d/after' }));
      // Reading only, the engine must leave things as they are.
      after.world.faults.setFault({ at: 1, code: 'EROFS', operations: ['open'], paths: isPath });
      const [opened = ''] = after.play('OPEN -2 key="/d/a.dat"z => 0');
      expect(opened).toBe('OPEN -2 key="/d/a.dat"z => 0');
      const [read = ''] = after.play(`GET_FIRST ${key} => `);
      statuses.push(Number(/=> (\d+)/.exec(read)?.[1]));
      after.play('CLOSE => 0\nOPEN key="/d/a.dat"z => 0');
      const [second = ''] = after.play(`GET_FIRST ${key} => `);
      expect(second).toMatch(/=> (?:0|6) /);
      finish(after);
    }
  }

  test('Drop Index: the key is there, then 56, then 6', () => {
    const statuses = statusesAround('DROP_INDEX 2', 2);
    expect([...new Set(statuses)]).toEqual([0, 56, 6]);
  });

  test('Create Index: 6, then 56, then the key is there', () => {
    const statuses = statusesAround('BUILD_INDEX 0 data=K(1 4 0x102)', 3);
    expect([...new Set(statuses)]).toEqual([6, 56, 0]);
  });
});
