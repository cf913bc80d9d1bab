/**
 * Golden scripts of whole files and of what is around them: Open, Close, Create with its other forms,
 * Set and Clear Owner, directories, Reset, Stop, Login, Unlock (0, 1, 14, 17, 18, 25, 27 to 30, 78).
 * Facts: Btrieve API Guide, these operations; Status Codes and Messages.
 */
import { describe, expect, test } from 'vitest';
import { MicroKernel } from '../../../src/engine.js';
import { AssertionError } from '../../../src/microkernel/assert.js';
import { Op } from '../../../src/microkernel/calls/operations.js';
import { BtrieveError } from '../../../src/microkernel/status.js';
import type { SimFileSystem } from '../../support/sim-files.js';
import { PEOPLE } from './fixtures.js';
import { finish, golden, PATH, run, Script, World } from './script.js';

describe('Open and Close', () => {
  golden(
    'every mode opens: normal, accelerated, read-only, verify, exclusive, and shared between engines',
    PEOPLE,
    `
    CLOSE                         => 0
    OPEN 0 key="/d/a.dat"z        => 0
    b OPEN -1 key="/d/a.dat"z     => 0
    c OPEN -2 key="/d/a.dat"z     => 0
    d OPEN 0xfd key="/d/a.dat"z   => 0
    e OPEN -32 key="/d/a.dat"z    => 0
    f OPEN -65 key="/d/a.dat"z    => 0
    b INSERT -1 data="Fay"/8,2:1,"Bern"/6 => 0
    d GET_EQUAL 0 key="Fay"/8     => 0 data="Fay"/8,2:1,"Bern"/6
    e CLOSE                       => 0
    CLOSE                         => 0
    b CLOSE                       => 0
    c CLOSE                       => 0
    d CLOSE                       => 0
    f CLOSE                       => 0
    OPEN -36 key="/d/a.dat"z      => 0
    b OPEN -2 key="/d/a.dat"z     => 88
    OPEN 5 key="/d/a.dat"z        => 160
    `,
  );

  golden(
    'exclusive use meets any other use: 88, also for the same client',
    PEOPLE,
    `
    b OPEN -4 key="/d/a.dat"z    => 88
    2b OPEN -4 key="/d/a.dat"z   => 88
    CLOSE                        => 0
    OPEN -4 key="/d/a.dat"z      => 0
    b OPEN 0 key="/d/a.dat"z     => 88
    2b OPEN -2 key="/d/a.dat"z   => 88
    b OPEN -4 key="/d/a.dat"z    => 88
    CLOSE                        => 0
    b OPEN -4 key="/d/a.dat"z    => 0
    `,
  );

  golden(
    'writes on a block for reading are 46',
    PEOPLE,
    `
    CLOSE                                 => 0
    OPEN -2 key="/d/a.dat"z               => 0
    GET_FIRST 0                           => 0 data=$Abe key="Abe"/8
    INSERT 0 data="Fay"/8,2:1,"Bern"/6    => 46
    UPDATE 0 data=$Abe                    => 46
    DELETE                                => 46
    CHUNK_UPDATE 0 data=x04000080,4:16    => 46
    EXT_INSERT 0 data=2:0                 => 46
    BUILD_INDEX 0 data=K(1 8 0x102)       => 46
    DROP_INDEX 0                          => 46
    SET_OWNER 0 key="me"z data="me"z      => 46
    CLEAR_OWNER                           => 46
    `,
  );

  golden(
    'a path may end with blanks, and with the buffer; upper and lower case of the rest are the system’s',
    PEOPLE,
    `
    b OPEN key="/d/a.dat "z                   => 0
    c OPEN key="/d/a.dat" keylen=8            => 0
    d OPEN key="/d/../d/a.dat"z               => 0
    e OPEN key="btrv://me@here/base?file=/d/a.dat"z    => 0
    f OPEN key="btrv://me@here/base?dbfile=/d/a.dat"z  => 0
    f GET_FIRST 0                             => 0 data=$Abe key="Abe"/8
    `,
  );

  test('what is no data file is 30', () => {
    const script = new Script(new World());
    script.world.disk.putFile('/d/text', Buffer.from('This is a text. '.repeat(1000)));
    script.world.disk.putFile('/d/short', Buffer.from('This is a text.'));
    script.world.disk.putFile('/d/empty', new Uint8Array(0));
    run(
      script,
      `
      OPEN key="/d/text"z     => 30
      OPEN key="/d/short"z    => 30
      OPEN key="/d/empty"z    => 30
      CREATE -1 key="/d/text"z data=F(8 1024 0) => 59
      `,
    );
    finish(script);
  });

  golden(
    'what is not there is 12, what is no name 11',
    PEOPLE,
    `
    b OPEN key="/d/none.dat"z                 => 12
    b OPEN key="/none/a.dat"z                 => 12
    b OPEN key="/d/a.dat/b.dat"z              => 12
    b OPEN key="/d"z                          => 11
    b OPEN key=x00                            => 11
    b OPEN key="  "z                          => 11
    b OPEN key=x2f642fff00                    => 11
    `,
  );

  golden(
    'a path has at most 254 bytes and a NUL: 11 for more',
    undefined,
    `
    CREATE key="/d/","x"*247,".dat"z data=F(8 1024 0)    => 0
    OPEN key="/d/","x"*247,".dat"z                       => 0
    CREATE key="/d/","x"*248,".dat" data=F(8 1024 0)     => 11
    b OPEN key="/d/","x"*248,".dat"                      => 11
    `,
  );

  golden(
    'URIs: 175 for a malformed one, 176 for one that names no file',
    PEOPLE,
    `
    b OPEN key="btrv://[/base?file=/d/a.dat"z   => 175
    b OPEN key="btrv://here/base?table=people"z => 176
    b OPEN key="btrv://here/base?file=/d/b.dat"z => 12
    `,
  );

  golden(
    'a block is good for its client from Open to Close, and any other is 3',
    PEOPLE,
    `
    b GET_FIRST 0            => 3
    GET_FIRST 0              => 0 data=$Abe key="Abe"/8
    CLOSE                    => 0
    GET_NEXT 0               => 3
    CLOSE                    => 3
    STAT -1                  => 3
    UNLOCK                   => 3
    CLEAR_OWNER              => 3
    `,
  );

  test('a block of another client is 3', () => {
    const script = new Script(new World());
    script.begin(PEOPLE);
    const [one, two] = [script.world.client(1), script.world.client(2)];
    const block = new Uint8Array(128);
    const key = new Uint8Array(255);
    key.set(Buffer.from(PATH));
    const call = (client: typeof one, op: number): number =>
      client.btrcall(op, block, new Uint8Array(64), Uint32Array.of(0), key, 0);
    expect(call(one, Op.OPEN)).toBe(0);
    expect(call(two, Op.STEP_FIRST)).toBe(3);
    expect(call(two, Op.CLOSE)).toBe(3);
    expect(call(one, Op.STEP_FIRST)).toBe(22);
    expect(call(one, Op.CLOSE)).toBe(0);
    finish(script);
  });

  golden(
    'Close destroys the positions',
    PEOPLE,
    `
    GET_FIRST 0              => 0 data=$Abe key="Abe"/8
    CLOSE                    => 0
    OPEN key="/d/a.dat"z     => 0
    GET_NEXT 0               => 8
    GET_POSITION len=4       => 8
    STEP_NEXT                => 0 data=$Dan
    `,
  );

  test('another engine has the file: 85', () => {
    const world = new World();
    const script = new Script(world);
    script.begin(PEOPLE);
    const other = new Script(new World({ disk: world.disk.otherProcess(), root: '/d/other' }));
    run(
      other,
      `
      OPEN key="/d/a.dat"z    => 85
      CREATE key="/d/a.dat"z data=F(8 1024 0) => 85
      CREATE -128 key="/d/a.dat"z => 85
      `,
    );
    other.world.kernel.stop();
    finish(script);
  });

  test('another engine has the root: 85', () => {
    const world = new World();
    const script = new Script(world);
    const ports = { ...world.ports, files: world.disk.otherProcess() };
    expect(() => MicroKernel.start({ root: '/d/root', ports })).toThrow(
      expect.objectContaining({ status: 85 }),
    );
    finish(script);
  });
});

describe('Create', () => {
  golden(
    'replaces a file with key number 0, and is 59 with -1 and -3 if there is one',
    PEOPLE,
    `
    CLOSE                                              => 0
    CREATE -1 key="/d/a.dat"z data=F(8 1024 0)         => 59
    CREATE -3 key="/d/a.dat"z data=F(8 1024 0)         => 59
    OPEN key="/d/a.dat"z                               => 0
    GET_FIRST 0                                        => 0 data=$Abe key="Abe"/8
    CLOSE                                              => 0
    CREATE -2 key="/d/a.dat"z data=${PEOPLE.create}    => 0
    CREATE 0 key="/d/a.dat"z data=${PEOPLE.create}     => 0
    OPEN key="/d/a.dat"z                               => 0
    GET_FIRST 0                                        => 9
    CREATE -1 key="/d/b.dat"z data=F(8 1024 0)         => 0
    `,
  );

  golden(
    'of a file that is open is 85, and nothing happens to it; a new file is not left open',
    PEOPLE,
    `
    CREATE 0 key="/d/a.dat"z data=F(8 1024 0)          => 85
    2b CREATE 0 key="/d/a.dat"z data=F(8 1024 0)       => 85
    GET_FIRST 0                                        => 0 data=$Abe key="Abe"/8
    CREATE 0 key="/d/b.dat"z data=F(8 1024 0)          => 0
    b OPEN -4 key="/d/b.dat"z                          => 0
    `,
  );

  golden(
    'with key number -128 deletes a closed file',
    PEOPLE,
    `
    CREATE -128 key="/d/a.dat"z        => 85
    CLOSE                              => 0
    CREATE -128 key="/d/a.dat"z        => 0
    OPEN key="/d/a.dat"z               => 12
    CREATE -128 key="/d/a.dat"z        => 12
    `,
  );

  golden(
    'with key number -127 renames a closed file, not over another one',
    PEOPLE,
    `
    CREATE -127 key="/d/a.dat"z data="/d/c.dat"z   => 85
    CLOSE                                          => 0
    CREATE key="/d/b.dat"z data=F(8 1024 0)        => 0
    CREATE -127 key="/d/a.dat"z data="/d/b.dat"z   => 59
    CREATE -127 key="/d/a.dat"z data="/d/c.dat"z   => 0
    CREATE -127 key="/d/a.dat"z data="/d/e.dat"z   => 12
    OPEN key="/d/a.dat"z                           => 12
    OPEN key="/d/c.dat"z                           => 0
    GET_FIRST 0                                    => 0 data=$Abe key="Abe"/8
    `,
  );

  test('what is no data file is not replaced, deleted or renamed: 30', () => {
    const script = new Script(new World());
    const { disk } = script.world;
    const text = Buffer.from('This is a text. '.repeat(1000));
    disk.putFile('/d/event.log', text);
    disk.putFile('/d/empty', new Uint8Array(0));
    run(
      script,
      `
      CREATE 0 key="/d/event.log"z data=F(8 1024 0)          => 30
      CREATE -2 key="/d/event.log"z data=F(8 1024 0)         => 30
      CREATE -128 key="/d/event.log"z                        => 30
      CREATE -127 key="/d/event.log"z data="/d/c.dat"z       => 30
      CREATE 0 key="/d/empty"z data=F(8 1024 0)              => 30
      CREATE -128 key="/d/empty"z                            => 30
      `,
    );
    expect(disk.list('/d')).toEqual(['empty', 'event.log', 'root']);
    const handle = disk.open('/d/event.log', 'read');
    const found = Buffer.alloc(text.length + 1);
    expect(handle.read(found, 0, found.length, 0)).toBe(text.length);
    expect(found.subarray(0, text.length).equals(text)).toBe(true);
    handle.close();
    finish(script);
  });

  golden(
    'in a directory that is not there is 12, and without a name 11',
    undefined,
    `
    CREATE key="/none/a.dat"z data=F(8 1024 0)  => 12
    CREATE key=x00 data=F(8 1024 0)             => 11
    CREATE key="/d/a.dat"z data=F(8 1024 0) len=15 => 22
    `,
  );
});

/** Whether some bytes lie on disk, in any place. */
function isOnDisk(disk: SimFileSystem, path: string, text: string): boolean {
  const handle = disk.open(path, 'read');
  const bytes = Buffer.alloc(handle.size());
  handle.read(bytes, 0, bytes.length, 0);
  handle.close();
  return bytes.includes(text);
}

describe('Set Owner and Clear Owner', () => {
  golden(
    'a name that is wrong is 51 also while somebody has the file open by the right one',
    PEOPLE,
    `
    SET_OWNER 2 key="secret"z data="secret"z      => 0
    2b OPEN key="/d/a.dat"z data="other"z         => 51
    2b OPEN key="/d/a.dat"z                       => 51
    2b OPEN key="/d/a.dat"z data="secret"z        => 0
    2b GET_EQUAL 0 key="Abe"/8                    => 0 data=$Abe
    2c OPEN key="/d/a.dat"z data="Secret"z        => 51
    CLEAR_OWNER                                   => 0
    `,
  );

  golden(
    'mode 0: no access without the name: 51',
    PEOPLE,
    `
    SET_OWNER 0 key="secret"z data="secret"z      => 0
    CLOSE                                         => 0
    OPEN key="/d/a.dat"z                          => 51
    OPEN -2 key="/d/a.dat"z                       => 51
    OPEN key="/d/a.dat"z data="other"z            => 51
    OPEN key="/d/a.dat"z data=xff00               => 51
    OPEN key="/d/a.dat"z data="secret"z           => 0
    GET_EQUAL 0 key="Abe"/8                       => 0 data=$Abe
    UPDATE 0 data=$Abe                            => 0
    `,
  );

  golden(
    'mode 1: without the name for reading only, writes are 46; a wrong name is 51',
    PEOPLE,
    `
    SET_OWNER 1 key="secret"z data="secret"z      => 0
    CLOSE                                         => 0
    OPEN key="/d/a.dat"z                          => 0
    GET_EQUAL 0 key="Abe"/8                       => 0 data=$Abe
    UPDATE 0 data=$Abe                            => 46
    CLEAR_OWNER                                   => 46
    b OPEN key="/d/a.dat"z data="other"z          => 51
    c OPEN key="/d/a.dat"z data="secret"z         => 0
    c GET_EQUAL 0 key="Abe"/8                     => 0 data=$Abe
    c UPDATE 0 data=$Abe                          => 0
    `,
  );

  golden(
    'who has the file open keeps the access, and both operations keep the positions',
    PEOPLE,
    `
    2b OPEN key="/d/a.dat"z                       => 0
    2b GET_EQUAL 0 key="Bea"/8                    => 0 data=$Bea
    GET_EQUAL 1 key=2:20                          => 0 data=$Bea
    SET_OWNER 0 key="secret"z data="secret"z      => 0
    GET_NEXT 1 key=2:20                           => 0 data=$Eva
    2b GET_NEXT 0                                 => 0 data=$Cid key="Cid"/8
    2b UPDATE 0 data=$Cid                         => 0
    CLEAR_OWNER                                   => 0
    GET_NEXT 1                                    => 0 data=$Cid
    2b GET_PREVIOUS 0                             => 0 data=$Bea key="Bea"/8
    `,
  );

  golden(
    'a file that has a name is 50; two different names, none, or one too long are 51',
    PEOPLE,
    `
    SET_OWNER 0 key="secret"z data="public"z                      => 51
    SET_OWNER 0 key=x00 data=x00                                  => 51
    SET_OWNER 0 key="   "z data="   "z                            => 51
    SET_OWNER 0 key="123456789"z data="123456789"z                => 51
    SET_OWNER+17000 0 key="x"*25,x00 data="x"*25,x00              => 51
    SET_OWNER 4 key="secret"z data="secret"z                      => 160
    SET_OWNER 0 key="12345678"z data="12345678"z                  => 0
    SET_OWNER 0 key="secret"z data="secret"z                      => 50
    CLOSE                                                         => 0
    OPEN key="/d/a.dat"z data="12345678"z                         => 0
    `,
  );

  golden(
    'with 17000 added the name has up to 24 bytes',
    PEOPLE,
    `
    SET_OWNER+17000 0 key="x"*24,x00 data="x"*24,x00   => 0
    CLOSE                                              => 0
    OPEN key="/d/a.dat"z data="x"*23,x00               => 51
    OPEN key="/d/a.dat"z data="x"*24,x00               => 0
    `,
  );

  golden(
    'Clear Owner takes the name away',
    PEOPLE,
    `
    SET_OWNER 0 key="secret"z data="secret"z      => 0
    CLEAR_OWNER                                   => 0
    CLOSE                                         => 0
    OPEN key="/d/a.dat"z                          => 0
    GET_FIRST 0                                   => 0 data=$Abe key="Abe"/8
    SET_OWNER 1 key="again"z data="again"z        => 0
    CLEAR_OWNER                                   => 0
    `,
  );

  golden(
    'Create over a file with an owner takes the name away',
    PEOPLE,
    `
    SET_OWNER 0 key="secret"z data="secret"z      => 0
    CLOSE                                         => 0
    CREATE key="/d/a.dat"z data=F(8 1024 0)       => 0
    OPEN key="/d/a.dat"z                          => 0
    `,
  );

  test('modes 0 and 1 leave the records readable on disk', () => {
    const script = new Script(new World());
    script.begin(PEOPLE);
    run(
      script,
      `
      INSERT -1 data="Findable",2:1,"Bern"/6     => 0
      SET_OWNER 0 key="secret"z data="secret"z   => 0
      CLOSE                                      => 0
      `,
    );
    expect(isOnDisk(script.world.disk, PATH, 'Findable')).toBe(true);
    expect(isOnDisk(script.world.disk, PATH, 'secret')).toBe(false);
    run(
      script,
      `
      OPEN key="/d/a.dat"z data="secret"z        => 0
      CLEAR_OWNER                                => 0
      CLOSE                                      => 0
      `,
    );
    finish(script);
  });

  for (const [mode, without] of [
    [2, 51],
    [3, 0],
  ] as const) {
    test(`mode ${mode}: nothing of the records is readable on disk, until Clear Owner`, () => {
      const script = new Script(new World());
      script.begin(PEOPLE);
      run(
        script,
        `
        INSERT -1 data="Findable",2:1,"Bern"/6              => 0
        SET_OWNER ${mode} key="secret"z data="secret"z      => 0
        INSERT -1 data="Findalso",2:1,"Bern"/6              => 0
        CLOSE                                               => 0
        `,
      );
      for (const text of ['Findable', 'Findalso', 'Bern', 'secret']) {
        expect(isOnDisk(script.world.disk, PATH, text), text).toBe(false);
      }
      run(
        script,
        `
        OPEN key="/d/a.dat"z                     => ${without}
        b OPEN key="/d/a.dat"z data="other"z     => 51
        c OPEN key="/d/a.dat"z data="secret"z    => 0
        c GET_EQUAL 0 key="Findable"             => 0 data="Findable",2:1,"Bern"/6
        c UPDATE 0 data="Findable",2:2,"Bern"/6  => 0
        CLOSE                                    => ${without === 0 ? 0 : 3}
        c CLEAR_OWNER                            => 0
        c CLOSE                                  => 0
        OPEN key="/d/a.dat"z                     => 0
        GET_EQUAL 0 key="Findable"               => 0 data="Findable",2:2,"Bern"/6
        CLOSE                                    => 0
        `,
      );
      expect(isOnDisk(script.world.disk, PATH, 'Findable')).toBe(true);
      finish(script);
    });
  }

  golden(
    'mode 3: without the name for reading only',
    PEOPLE,
    `
    SET_OWNER 3 key="secret"z data="secret"z      => 0
    CLOSE                                         => 0
    OPEN key="/d/a.dat"z                          => 0
    GET_EQUAL 0 key="Abe"/8                       => 0 data=$Abe
    DELETE                                        => 46
    CLOSE                                         => 0
    OPEN key="/d/a.dat"z data="secret"z           => 0
    CLEAR_OWNER                                   => 0
    `,
  );
});

describe('directories', () => {
  golden(
    'Set Directory is where relative paths begin, and Get Directory tells it',
    PEOPLE,
    `
    SET_DIR key="/d"z               => 0
    GET_DIR 0 key=x00*20            => 0 key="/d"z
    b OPEN key="a.dat"z             => 0
    CREATE key="b.dat"z data=F(8 1024 0) => 0
    c OPEN key="/d/b.dat"z          => 0
    SET_DIR key="root"z             => 0
    GET_DIR 0 key=x00*20            => 0 key="/d/root"z
    b GET_FIRST 0                   => 0 data=$Abe key="Abe"/8
    SET_DIR key=".."z               => 0
    GET_DIR 0                       => 0 key="/d"z
    `,
  );

  golden(
    'a directory that is not there is 35, and a drive; the old one stays',
    PEOPLE,
    `
    SET_DIR key="/d"z               => 0
    SET_DIR key="/none"z            => 35
    SET_DIR key="/d/a.dat"z         => 35
    SET_DIR key=x00                 => 11
    GET_DIR 26                      => 35
    GET_DIR 0                       => 0 key="/d"z
    GET_DIR 0 keylen=2              => 21
    `,
  );

  golden(
    'every client has a directory of its own',
    PEOPLE,
    `
    SET_DIR key="/d"z               => 0
    2b SET_DIR key="/d/root"z       => 0
    GET_DIR 0                       => 0 key="/d"z
    2b OPEN key="a.dat"z            => 12
    `,
  );
});

describe('Reset, Stop, Login, Unlock', () => {
  golden(
    'Reset closes all files of the client, and of no other',
    PEOPLE,
    `
    b OPEN key="/d/a.dat"z       => 0
    2c OPEN key="/d/a.dat"z      => 0
    RESET                        => 0
    GET_FIRST 0                  => 3
    b GET_FIRST 0                => 3
    2c GET_FIRST 0               => 0 data=$Abe key="Abe"/8
    OPEN key="/d/a.dat"z         => 0
    `,
  );

  golden(
    'Stop is like Reset, and later calls begin anew',
    PEOPLE,
    `
    2c OPEN key="/d/a.dat"z      => 0
    STOP                         => 0
    GET_FIRST 0                  => 3
    2c STEP_FIRST                => 0 data=$Dan
    OPEN key="/d/a.dat"z         => 0
    GET_FIRST 0                  => 0 data=$Abe key="Abe"/8
    `,
  );

  golden(
    'Login and Logout take a URI, 175 for what is none, 1 for another key number',
    undefined,
    `
    LOGIN 0 key="btrv://me@here/base?pwd=word"z   => 0
    LOGIN 1 key="btrv://me@here/base"z            => 0
    LOGIN 0 key="here/base"z                      => 175
    LOGIN 0 key="http://here/base"z               => 175
    LOGIN 2 key="btrv://me@here/base"z            => 1
    `,
  );

  golden(
    'Unlock of what is not locked is 81, and moves nothing',
    PEOPLE,
    `
    GET_EQUAL 0 key="Bea"/8      => 0 data=$Bea
    GET_POSITION len=4           => 0 data=@Bea
    UNLOCK 0                     => 81
    UNLOCK -1 data=@Bea          => 81
    UNLOCK -2                    => 81
    GET_NEXT 0                   => 0 data=$Cid key="Cid"/8
    `,
  );

  golden(
    'codes that are no operation are 1: 16, 41, and what nobody knows',
    PEOPLE,
    `
    EXTEND         => 1
    MISC_DATA      => 1
    43             => 1
    46             => 1
    54             => 1
    64             => 1
    66             => 1
    85             => 1
    99             => 1
    2000           => 1
    65535          => 1
    CREATE+100     => 1
    RESET+1000     => 1
    `,
  );
});

describe('the call itself', () => {
  const fresh = (): readonly [World, (...change: readonly Partial<Arguments>[]) => number] => {
    const world = new World();
    const client = world.client(1);
    const call = (...changes: readonly Partial<Arguments>[]): number => {
      const usual = {
        ...{ op: Op.VERSION as number, block: new Uint8Array(128), data: new Uint8Array(15) },
        ...{ length: Uint32Array.of(15), key: new Uint8Array(255), keyNumber: 0 },
      };
      const all = changes.reduce<Arguments>((sum, change) => ({ ...sum, ...change }), usual);
      return client.btrcall(all.op, all.block, all.data, all.length, all.key, all.keyNumber);
    };
    return [world, call];
  };

  interface Arguments {
    readonly op: number;
    readonly block: Uint8Array;
    readonly data: Uint8Array;
    readonly length: Uint32Array;
    readonly key: Uint8Array;
    readonly keyNumber: number;
  }

  test('a position block of fewer than 128 bytes is 23', () => {
    const [world, call] = fresh();
    expect(call()).toBe(0);
    expect(call({ block: new Uint8Array(127) })).toBe(23);
    expect(call({ block: undefined as unknown as Uint8Array })).toBe(23);
    world.kernel.stop();
  });

  test('arguments of another kind or out of range are 160', () => {
    const [world, call] = fresh();
    const nothing = undefined as unknown;
    expect(call({ data: nothing as Uint8Array })).toBe(160);
    expect(call({ key: 'text' as unknown as Uint8Array })).toBe(160);
    expect(call({ length: Uint32Array.of() })).toBe(160);
    expect(call({ length: Uint32Array.of(16) })).toBe(160);
    expect(call({ keyNumber: 256 })).toBe(160);
    expect(call({ keyNumber: -129 })).toBe(160);
    expect(call({ keyNumber: 0.5 })).toBe(160);
    expect(call({ op: 26.5 })).toBe(1);
    world.kernel.stop();
  });

  test('after the engine was stopped every call is 20', () => {
    const [world, call] = fresh();
    world.kernel.stop();
    expect(call()).toBe(20);
    expect(call({ op: 9999 })).toBe(20);
    expect(call({ block: new Uint8Array(1) })).toBe(20);
  });

  test('a call from within a call is 1018', () => {
    const world = new World();
    const script = new Script(world);
    script.begin(PEOPLE);
    const { random } = world;
    const { fill } = random;
    let within = -1;
    random.fill = (into) => {
      fill(into);
      const key = new Uint8Array(255);
      const length = Uint32Array.of(15);
      const block = new Uint8Array(128);
      within = world.client(1).btrcall(Op.VERSION, block, new Uint8Array(15), length, key, 0);
    };
    run(script, 'SET_OWNER 0 key="secret"z data="secret"z => 0\nCLEAR_OWNER => 0');
    expect(within).toBe(1018);
    finish(script);
  });

  test('a broken invariant is 79, and nothing is thrown', () => {
    const world = new World();
    const script = new Script(world);
    script.begin(PEOPLE);
    const { random } = world;
    const { fill } = random;
    random.fill = () => {
      throw new AssertionError('this was to happen');
    };
    run(script, 'SET_OWNER 0 key="secret"z data="secret"z => 79');
    expect(world.client(1).lastError).toBeInstanceOf(BtrieveError);
    random.fill = fill;
    run(script, 'GET_FIRST 0 => 0 data=$Abe key="Abe"/8');
    finish(script);
  });
});
