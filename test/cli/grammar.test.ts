/** The classic spelling: what is an operand, what an option, on which system. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { butil, type Console } from '../../bin/command-line.js';
import { COMMANDS, findCommand } from '../../bin/command-table.js';
import { longOptionsOf, type CommandDeclaration } from '../../bin/declaration.js';
import {
  readClassicLine,
  readCommandFile,
  splitCommand,
  UsageError,
  type ClassicLine,
} from '../../bin/grammar.js';

function read(line: string, platform = 'linux'): ClassicLine {
  const { command, rest } = splitCommand(line.split(' '), platform);
  return readClassicLine(findCommand(command)!, rest, platform);
}

/** Operands and options in short. */
function short(line: string, platform = 'linux'): string {
  const { operands, owners, options, long } = read(line, platform);
  return [
    operands.join(' '),
    ...owners.map(({ name, isAsked }) => (isAsked ? 'O?' : `O=${name}`)),
    ...[...options].map(([name, value]) => (value === '' ? name : `${name}=${value}`)),
    ...long,
  ].join(' | ');
}

describe('the command word', () => {
  test.each([
    ['linux', ['-stat', 'a'], 'stat'],
    ['linux', ['-STAT', 'a'], 'stat'],
    ['linux', ['-Stat'], 'stat'],
    ['linux', ['stat', 'a'], undefined],
    ['linux', ['--stat'], undefined],
    ['linux', ['/stat', 'a'], undefined],
    ['linux', [], undefined],
    ['win32', ['/stat', 'a'], 'stat'],
    ['win32', ['-stat', 'a'], 'stat'],
    ['win32', ['/dir/file'], undefined],
  ])('%s %j is %s', (platform, words, command) => {
    expect(splitCommand(words, platform).command).toBe(command);
  });
});

/** Directories whose first letters are those of options. */
const ROOTS = ['/opt', '/tmp', '/var', '/lib', '/export', '/usr', '/srv', '/s', '/prompt', '/db'];

function operandsIn(command: CommandDeclaration, root: string): string[] {
  return command.operands
    .filter(({ isOptional }) => isOptional !== true)
    .map(({ kind }, index) => (kind === 'word' ? '1' : `${root}/x${index}.btr`));
}

describe('paths on systems with slashes', () => {
  const cases = COMMANDS.flatMap((command) =>
    [...ROOTS, ['', 'home'].join('/')].map((root) => ({ command, root })),
  );

  test.each(cases)('$command.name with files below $root', ({ command, root }) => {
    const operands = operandsIn(command, root);
    const { operands: found, options } = readClassicLine(command, operands, 'linux');
    expect(found).toEqual(operands);
    expect(options.size).toBe(0);
  });

  test.each(COMMANDS)('$name with a file called /A, and options behind it', (command) => {
    // Options come behind the last path, those that may be left out included.
    const { operands: declared } = command;
    const lastPath = declared.findLastIndex(({ kind }) => kind === 'path');
    const operands = declared
      .filter(({ isOptional }, index) => isOptional !== true || index <= lastPath)
      .map(({ kind }) => (kind === 'word' ? '1' : '/A'));
    const words = [...operands, '/UIDmaster', '/PWDsecret', '/DBdemo', '/S'];
    const { operands: found, options } = readClassicLine(command, words, 'linux');
    expect(found).toEqual(operands);
    expect(Object.fromEntries(options)).toEqual({
      UID: 'master',
      PWD: 'secret',
      DB: 'demo',
      S: '',
    });
  });
});

describe('each command runs on files that look like options', () => {
  let directory = '';
  beforeAll(() => (directory = mkdtempSync(join(tmpdir(), 'isamite-grammar-'))));
  afterAll(() => rmSync(directory, { recursive: true }));

  /** Nothing of these is there, so that nothing can happen to it. */
  const places = [...ROOTS, '/home'].map((root) => `${root}/no-such-directory-of-isamite`);

  test.each(COMMANDS)('$name', async (command) => {
    const { operands } = command;
    const withPath = operands.findIndex(({ kind }) => kind === 'path');
    const console = (out: string[]): Console => ({
      ...{ platform: 'linux', environment: { ISAMITE_ROOT: join(directory, 'root') } },
      out: (text) => out.push(text),
      err: (text) => out.push(text),
    });
    for (const place of [...places, '/A', '/O', '/S']) {
      const isFile = !place.includes('-');
      // ENDBU alone has an operand that is an option where a path could be.
      if (withPath < 0 || (isFile && command.name === 'endbu' && place === '/A')) continue;
      const given = isFile
        ? operands
            .filter(({ isOptional }) => isOptional !== true)
            .map(({ kind }) => (kind === 'word' ? '1' : place))
        : operandsIn(command, place);
      const out: string[] = [];
      const words = [`-${command.name}`, ...given, '--dry-run'];
      const hasDryRun = command.long?.some(({ name }) => name === 'dry-run') === true;
      const code = await butil(hasDryRun ? words : words.slice(0, -1), console(out));
      const usage = code === 3 && out.some((text) => /is no option|nothing more/.test(text));
      expect(usage, `${words.join(' ')}\n${out.join('\n')}`).toBe(false);
      if (code !== 2) continue;
      expect(out.join('\n'), words.join(' ')).toContain(place);
    }
  });
});

/** The old spelling of a line: what follows the command has slashes, but for the command line of another program. */
function withSlashes(line: string): string {
  const [own = '', ...others] = line.split(' -- ');
  const [butilWord = '', command = '', ...rest] = own.split(' ');
  const old = rest.map((word) => word.replace(/^-(?=[A-Za-z])/, '/'));
  return [[butilWord, command, ...old].join(' '), ...others].join(' -- ');
}

describe('the examples of the help, in the old and in the Unix spelling', () => {
  const examples = COMMANDS.flatMap(({ name, examples: lines = [] }) =>
    // Those of other commands are there to show what belongs together.
    lines.filter((line) => line.startsWith(`butil -${name}`)).map((line) => ({ name, line })),
  );

  test.each(examples)('$line', ({ name, line }) => {
    const words = line.split(' ').slice(1);
    const { command, rest } = splitCommand(words, 'linux');
    expect(command).toBe(name);
    const entry = COMMANDS.find((each) => each.name === name);
    if (entry === undefined) throw new Error(`there is no ${name}`);
    const read = readClassicLine(entry, rest, 'linux');
    const old = withSlashes(line).split(' ').slice(1);
    const again = readClassicLine(entry, splitCommand(old, 'win32').rest, 'win32');
    expect({ ...again, shown: undefined }).toEqual({ ...read, shown: undefined });
    expect(splitCommand([`/${name}`], 'win32').command).toBe(name);
  });
});

describe('documented examples, in both spellings', () => {
  test.each([
    ['-copy course.mkd newcrs.mkd /O /OPam', 'course.mkd newcrs.mkd | O= | O=Pam'],
    ['-copy course.mkd newcrs.mkd -O -OPam', 'course.mkd newcrs.mkd | O= | O=Pam'],
    ['-copy course.mkd newcrs.mkd /OPam', 'course.mkd newcrs.mkd | O=Pam'],
    ['-copy a b /O* /PROMPT', 'a b | O? | O?'],
    ['-clone newcrs.mkd course.mkd /pagecompresson', 'newcrs.mkd course.mkd | PAGECOMPRESSON'],
    ['-clone a b /RecordCompressOff /S', 'a b | RECORDCOMPRESSOFF | S'],
    ['-clrowner tuition.mkd /Osandy', 'tuition.mkd | O=sandy'],
    ['-create course.mkd create.des', 'course.mkd create.des'],
    ['-create course.mkd create.des Y', 'course.mkd create.des Y'],
    ['-create course.mkd create.des n /UIDa /PWDb', 'course.mkd create.des n | UID=a | PWD=b'],
    ['-drop course.mkd 1', 'course.mkd 1'],
    ['-drop course.mkd SYSKEY /Opam', 'course.mkd SYSKEY | O=pam'],
    ['-index patients.dta name.ndx newindex.des', 'patients.dta name.ndx newindex.des'],
    ['-load course.txt course.mkd /O*', 'course.txt course.mkd | O?'],
    ['-recover course.mkd course.txt /Opam', 'course.mkd course.txt | O=pam'],
    ['-save invoice.btr invoice.sav n 3', 'invoice.btr invoice.sav n 3'],
    ['-save invoice.btr invoice.sav N -1', 'invoice.btr invoice.sav N -1'],
    ['-save invoice.btr invoice.sav Y /idx /Opam', 'invoice.btr invoice.sav Y /idx | O=pam'],
    ['-save invoice.btr invoice.sav /Opam', 'invoice.btr invoice.sav | O=pam'],
    ['-setowner course.mkd /Osandy 1', 'course.mkd 1 | O=sandy'],
    ['-setowner course.mkd -Osandy 1 -L', 'course.mkd 1 | O=sandy | L'],
    ['-setowner course.mkd sandy 1', 'course.mkd sandy 1'],
    ['-sindex course.mkd supp.des', 'course.mkd supp.des'],
    ['-sindex course.mkd syskey', 'course.mkd syskey'],
    ['-sindex course.mkd supp.des 2 /Opam', 'course.mkd supp.des 2 | O=pam'],
    [
      '-stat patients.dta /UIDmaster /PWDsecret /DBdemo',
      'patients.dta | UID=master | PWD=secret | DB=demo',
    ],
    ['-stat patients.dta -UIDmaster -PWDsecret', 'patients.dta | UID=master | PWD=secret'],
    ['-stop', ''],
    ['-ver', ''],
    ['-cache course.mkd /Opam', 'course.mkd | O=pam'],
    ['-purge course.mkd -Opam', 'course.mkd | O=pam'],
    ['-startbu course.mkd /UIDa /PWDb', 'course.mkd | UID=a | PWD=b'],
    ['-startbu @startlst.fil', '@startlst.fil'],
    ['-endbu @endlst.fil -UIDa -PWDb', '@endlst.fil | UID=a | PWD=b'],
    ['-endbu course.mkd', 'course.mkd'],
    ['-endbu -A', ' | A'],
    ['-rollfwd class.mkd', 'class.mkd'],
    ['-rollfwd class.mkd /L /Opam', 'class.mkd | O=pam | L'],
    [
      '-rollfwd @listfile /Wdump.txt /T20 /E10 /H /V /A',
      '@listfile | W=dump.txt | T=20 | E=10 | H | V | A',
    ],
    ['-rollfwd class.mkd -Ldump.txt -t20 -h -O*', 'class.mkd | O? | L=dump.txt | T=20 | H'],
  ])('%s', (line, expected) => {
    expect(short(line)).toBe(expected);
    expect(short(line, 'win32')).toBe(expected);
  });

  test('values keep their case, names of options have none', () => {
    expect(short('-stat a -oPaM -uidX -pwdYz')).toBe('a | O=PaM | UID=X | PWD=Yz');
  });
});

describe('new options', () => {
  test.each([
    ['-stat --json a.btr', 'a.btr | --json'],
    ['-stat a.btr --root /opt/x', 'a.btr | --root=/opt/x'],
    ['-stat a.btr --root=/opt/x', 'a.btr | --root=/opt/x'],
    ['-stat --owner-file -x a.btr', 'a.btr | --owner-file=-x'],
    ['-stat --root=--json a.btr', 'a.btr | --root=--json'],
    ['-stat -- -Oa.btr', '-Oa.btr'],
    ['-stat -- --json', '--json'],
    ['-save a b N -1 --json', 'a b N -1 | --json'],
    ['-stat --help', ' | --help'],
  ])('%s', (line, expected) => {
    expect(short(line)).toBe(expected);
  });
});

describe('mistakes', () => {
  test.each([
    ['-stat', 'sourceFile is missing'],
    ['-copy a', 'outputFile is missing'],
    ['-copy /Opam', 'outputFile is missing'],
    ['-stat a b', 'there is nothing more to be given'],
    ['-stat a /b', '/b is no option'],
    ['-stat a -Z', '-Z is no option'],
    ['-stat a --zip', '--zip is no option'],
    ['-stat a --root', 'needs a value'],
    ['-stat a -Op -Oq', 'one owner name is enough'],
    ['-copy a b -Op -Oq -Or', 'two owner names are enough'],
    ['-stat a -UIDx', 'a password must be given'],
    ['-stat a -UID -PWDx', '-UID needs its value'],
    ['-stat a -L', '-L is no option'],
    ['-ver -Op', '-Op is no option'],
  ])('%s', (line, text) => {
    expect(() => read(line)).toThrow(UsageError);
    expect(() => read(line)).toThrow(text);
  });
});

describe('an option that needs a value, and has another option behind it', () => {
  const options = COMMANDS.flatMap((command) =>
    longOptionsOf(command).flatMap(({ name, value }) =>
      value === undefined ? [] : [{ command, name, value }],
    ),
  );

  test.each(options)('$command.name --$name', ({ command, name, value }) => {
    const operands = operandsIn(command, '/data');
    for (const next of ['--json', '--yes', '--', `--${name}`]) {
      const words = [...operands, `--${name}`, next];
      const text = `butil -${command.name}: --${name} needs a value: ${value}; `;
      expect(() => readClassicLine(command, words, 'linux'), next).toThrow(UsageError);
      expect(() => readClassicLine(command, words, 'linux'), next).toThrow(text);
      expect(() => readClassicLine(command, words, 'linux')).toThrow(`--${name}=${next}`);
    }
    const { long } = readClassicLine(command, [...operands, `--${name}=--json`], 'linux');
    expect(long).toEqual([`--${name}=--json`]);
  });
});

describe('on Windows', () => {
  test.each([
    ['/copy a.btr b.btr /Opam', 'a.btr b.btr | O=pam'],
    ['-stat /db/a.btr', undefined],
    ['-stat /data/a.btr', '/data/a.btr'],
    ['-stat c:/data/a.btr /Opam', 'c:/data/a.btr | O=pam'],
    ['/stat /opt/a.btr', undefined],
    ['/stat /Opam a.btr', 'a.btr | O=pam'],
    ['/stat /files/a.btr', '/files/a.btr'],
  ])('%s', (line, expected) => {
    if (expected === undefined) expect(() => read(line, 'win32')).toThrow(UsageError);
    else expect(short(line, 'win32')).toBe(expected);
  });
});

describe('what may be shown', () => {
  test.each([
    ['-stat /opt/a /Opam /PWDx /UIDy', '/opt/a /O*** /PWD*** /UIDy'],
    ['-copy a b -O* -O', 'a b -O* -O'],
    ['-setowner a pam 1', 'a *** 1'],
    ['-setowner a -Opam 1', 'a -O*** 1'],
  ])('%s', (line, expected) => {
    expect(read(line).shown.join(' ')).toBe(expected);
  });
});

describe('command files', () => {
  test('commands end with their mark, and may be on several lines', () => {
    const text =
      '-clone new.mkd\r\n old.mkd <end>\n-copy old.mkd new.mkd [end] -stat new.mkd\t<end>\n';
    expect(readCommandFile(text, 'c').map(({ words }) => words)).toEqual([
      ['-clone', 'new.mkd', 'old.mkd'],
      ['-copy', 'old.mkd', 'new.mkd'],
      ['-stat', 'new.mkd'],
    ]);
  });

  test('quotation marks keep words together', () => {
    expect(readCommandFile('-stat "a b.btr" -O"x y" <end>', 'c')).toEqual([
      { words: ['-stat', 'a b.btr', '-Ox y'], line: 1 },
    ]);
  });

  test.each([['-ver'], ['-ver <END>'], ['-ver <end> -ver'], [''], ['<end>'], ['-stat "a <end>']])(
    '%j is refused',
    (text) => {
      expect(() => readCommandFile(text, 'c')).toThrow(UsageError);
    },
  );

  test.each([
    ['-ver\n<end>\n\n-stat\na.btr <END>', 5, '<end> in lower case'],
    ['-ver <end>\r\n\r\n-stat a.btr\r\n', 3, 'does not end'],
    ['-ver <end>\n-stat "a\n\n', 2, 'quotation mark'],
  ])('%j is wrong in line %d', (text, line, what) => {
    expect(() => readCommandFile(text, 'c.txt')).toThrow(`command file c.txt, line ${line}: `);
    expect(() => readCommandFile(text, 'c.txt')).toThrow(what);
  });
});
