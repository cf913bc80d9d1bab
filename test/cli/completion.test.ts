/** Completion in a real shell: what would be offered behind a command line that has been typed so far. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { COMMANDS } from '../../bin/command-table.js';
import { completionScript } from '../../bin/completion.js';
import { SETTINGS } from '../../src/index.js';
import { classicOptionsOf, longOptionsOf } from '../../bin/declaration.js';

const WORDS = { 'name[=value]': Object.keys(SETTINGS) };

let directory = '';

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'isamite-completion-'));
  for (const name of ['orders.btr', 'orders.des', 'files.lst', 'two words.btr', 'Y', 'a=b.btr']) {
    writeFileSync(join(directory, name), '');
  }
  mkdirSync(join(directory, 'old'));
  writeFileSync(join(directory, 'butil.bash'), completionScript('bash', COMMANDS, WORDS));
});

afterAll(() => {
  rmSync(directory, { recursive: true });
});

/**
 * What bash offers, sorted. The words are as bash has taken them apart; with a tilde at its end the last
 * one is where the cursor is.
 */
function offered(...words: readonly string[]): string[] {
  const list = ['butil', ...words].map((word) => `'${word}'`).join(' ');
  const program = [
    'set -u',
    'source ./butil.bash',
    `COMP_WORDS=(${list})`,
    `COMP_CWORD=${words.length}`,
    '_butil',
    'for each in "${COMPREPLY[@]}"; do printf "%s\\n" "$each"; done',
    // What it has changed for itself, it has set back.
    'shopt -q nocasematch && echo nocasematch; [[ $- == *f* ]] && echo noglob; true',
  ].join('\n');
  const out = execFileSync('bash', ['--norc', '-c', program], {
    ...{ cwd: directory, encoding: 'utf8' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return out
    .split('\n')
    .filter((line) => line !== '' && line !== 'butil.bash')
    .sort();
}

const FILES = ['Y', 'a=b.btr', 'files.lst', 'old', 'orders.btr', 'orders.des', 'two words.btr'];

describe('bash', () => {
  test('-config offers the names of settings', () => {
    const durability = ['transactionDurability'];
    expect(offered('-config', 'set', 'transactionD')).toEqual(durability);
    expect(offered('-config', 'get', 'transactiond')).toEqual(durability);
    expect(offered('-config', 'set', 'logBufferSize', '=', '4M', 'transactionD')).toEqual(
      durability,
    );
  });

  test('commands come first', () => {
    const all = offered('');
    expect(all).toEqual([...COMMANDS.map(({ name }) => `-${name}`), '--help'].sort());
    expect(offered('-sta')).toEqual(['-startbu', '-stat', '-statistics']);
    expect(offered('-STAT')).toEqual(['-stat', '-statistics']);
    expect(offered('-nothing')).toEqual([]);
    expect(offered('@', 'fi')).toEqual(['files.lst']);
  });

  test.each(COMMANDS)('options of $name', (command) => {
    const expected = [
      ...classicOptionsOf(command).map(({ name }) => `-${name}`),
      ...longOptionsOf(command).map(({ name }) => `--${name}`),
    ].sort();
    expect(offered(`-${command.name}`, '-')).toEqual(expected);
    expect(offered(`-${command.name.toUpperCase()}`, 'x', '--jso')).toEqual(['--json']);
  });

  test('then files', () => {
    expect(offered('-stat', '')).toEqual(FILES);
    expect(offered('-stat', 'ord')).toEqual(['orders.btr', 'orders.des']);
    expect(offered('-stat', 'two')).toEqual(['two words.btr']);
    expect(offered('-stat', 'orders.btr', '')).toEqual([]);
    expect(offered('-copy', 'orders.btr', '-Opam', 'ord')).toEqual(['orders.btr', 'orders.des']);
    expect(offered('-identify', 'a', 'b', 'c', 'ord')).toEqual(['orders.btr', 'orders.des']);
    expect(offered('-stat', 'a', '=', 'b')).toEqual(['b.btr']);
  });

  test('and what else an operand may be', () => {
    expect(offered('-drop', 'orders.btr', '')).toEqual(['SYSKEY']);
    expect(offered('-drop', 'orders.btr', 's')).toEqual(['SYSKEY']);
    expect(offered('-sindex', 'orders.btr', '')).toEqual(['SYSKEY', ...FILES].sort());
    expect(offered('-save', 'a.btr', 'a.seq', '')).toEqual(['N', 'Y']);
    expect(offered('-save', 'a.btr', 'a.seq', 'y', 'ord')).toEqual(['orders.btr', 'orders.des']);
    expect(offered('-save', 'a.btr', 'a.seq', 'N', '')).toEqual([]);
    expect(offered('-hotcopy', 'orders.btr', '')).toEqual(['old']);
    expect(offered('-startbu', '@', 'fil')).toEqual(['files.lst']);
    expect(offered('-startbu', '@fil')).toEqual(['@files.lst']);
    expect(offered('-startbu', '@')).toEqual(FILES);
    expect(offered('-config', '')).toEqual(['get', 'list', 'set', 'unset']);
    expect(offered('-completion', '')).toEqual(['bash', 'zsh']);
  });

  test('values of new options', () => {
    expect(offered('-export', 'a', 'b', '--to', '')).toEqual(['csv', 'jsonl']);
    expect(offered('-export', 'a', 'b', '--to', '=', 'j')).toEqual(['jsonl']);
    expect(offered('-export', 'a', 'b', '--to=j')).toEqual(['--to=jsonl']);
    expect(offered('-export', 'a', 'b', '--to', 'csv', '--layout', 'ord')).toHaveLength(2);
    expect(offered('-stat', '--root', '')).toEqual(['old']);
    expect(offered('-stat', '--wait', '')).toEqual([]);
    expect(offered('-stat', '--wait', '5', 'orders.d')).toEqual(['orders.des']);
  });

  test('a word is never taken for a pattern, and nothing typed is run', () => {
    expect(offered('-stat', '*')).toEqual([]);
    expect(offered('*')).toEqual([]);
    expect(offered('-stat', '$(touch made)', '`touch made`', '')).toEqual([]);
    expect(offered('-stat', '$(touch made)')).toEqual([]);
    expect(offered('-stat', 'mad')).toEqual([]);
  });
});

describe('zsh', () => {
  const script = completionScript('zsh', COMMANDS);

  test('every command and every option stands in the script', () => {
    for (const command of COMMANDS) {
      const begin = script.indexOf(`\n    -${command.name})\n`);
      expect(begin).toBeGreaterThan(0);
      const branch = script.slice(begin, script.indexOf(';;', begin));
      for (const { name } of classicOptionsOf(command)) expect(branch).toContain(`-${name}`);
      for (const { name } of longOptionsOf(command)) expect(branch).toContain(`--${name}`);
      expect(script).toContain(`'-${command.name}' '-${command.name}  `);
    }
    expect(script.startsWith('#compdef butil\n')).toBe(true);
  });

  test('the shell can read it', (context) => {
    const { error, status, stderr } = spawnSync('zsh', ['-f', '-n'], {
      ...{ input: script, encoding: 'utf8' },
    });
    if (error !== undefined) {
      console.log('skipped: zsh is not installed');
      context.skip();
    }
    expect(stderr).toBe('');
    expect(status).toBe(0);
  });
});

/** Notes what is added to the list of matches before it is added, and when a list is complete. */
const WATCHED = `
unsetopt autolist automenu beep
zstyle ':completion:*' completer _complete
bindkey '^I' complete-word
compadd() {
  local -a __found
  if [[ " \${@[1,(i)(-|--)]} " != *' '-[OAD]' '* ]]; then
    builtin compadd -O __found "$@"
    (( $#__found )) && print -rl -- "\${__found[@]}" >>$NOTES
  fi
  builtin compadd "$@"
}
__after() { print -r -- "end of list" >>$NOTES; print -rn -- "<done>"; comppostfuncs=(__after) }
comppostfuncs=(__after)
print -r -- "<re""ady>"
`;

/** What zsh offers behind each line when a tabulator is typed, sorted; the script is read in the way given. */
function offeredByZsh(reading: string, lines: readonly string[]): string[][] {
  const own = mkdtempSync(join(tmpdir(), 'isamite-zsh-'));
  try {
    const [notes, start] = [join(own, 'notes'), join(own, 'start.zsh')];
    writeFileSync(join(own, '_butil'), completionScript('zsh', COMMANDS, WORDS));
    writeFileSync(start, `autoload -Uz compinit\n${reading}\n${WATCHED}`);
    const steps = lines.map((line, index) => ({
      until: index === 0 ? '<ready>' : '<done>',
      type: `\u0015${line}\t`,
    }));
    const task = {
      argv: ['zsh', '-f', '-i'],
      cwd: directory,
      steps: [
        { until: 'ready> ', type: `source ${start}\r` },
        ...steps,
        { until: '<done>', type: '\u0015exit\r' },
      ],
      env: {
        PATH: process.env['PATH'],
        TERM: 'dumb',
        PS1: 'ready> ',
        HOME: own,
        OWN: own,
        NOTES: notes,
      },
    };
    const terminal = fileURLToPath(new URL('../support/terminal/terminal.py', import.meta.url));
    const { stdout } = spawnSync('python3', [terminal], {
      ...{ input: JSON.stringify(task), encoding: 'utf8', timeout: 60_000 },
    });
    const { screen, missed } = JSON.parse(stdout) as { screen: string; missed: string | null };
    expect(missed, screen).toBeNull();
    const lists = readFileSync(notes, 'utf8').split('end of list\n').slice(0, -1);
    return lists.map((list) => [...new Set(list.split('\n'))].filter((each) => each !== '').sort());
  } finally {
    rmSync(own, { recursive: true, force: true });
  }
}

const hasZsh = ['zsh -f -c true', 'python3 -c pass'].every((line) => {
  const [program = '', ...words] = line.split(' ');
  return spawnSync(program, words).status === 0;
});
if (!hasZsh) console.log('skipped: there is no zsh, or no python3 to make a terminal for it');

describe.skipIf(!hasZsh)('zsh, in a terminal', () => {
  const INSTALLED = 'fpath=($OWN $fpath); compinit -u -D';
  const SOURCED = 'compinit -u -D; source $OWN/_butil';
  const optionsOf = (name: string): string[] =>
    COMMANDS.filter((each) => each.name === name).flatMap((command) => [
      ...classicOptionsOf(command).map((each) => `-${each.name}`),
      ...longOptionsOf(command).map((each) => `--${each.name}`),
    ]);
  const EXPECTED: readonly (readonly [string, readonly string[]])[] = [
    ['butil ', ['--help', ...COMMANDS.map(({ name }) => `-${name}`)]],
    ['butil -sta', ['-startbu', '-stat', '-statistics']],
    ['butil -STAT', ['-stat', '-statistics']],
    ['butil -nothing ', []],
    ['butil @fi', ['files.lst']],
    ...COMMANDS.map(({ name }) => [`butil -${name} -`, optionsOf(name)] as const),
    ['butil -STAT x --jso', ['--json']],
    ['butil -stat ord', ['orders.btr', 'orders.des']],
    ['butil -stat two', ['two\\ words.btr']],
    ['butil -stat orders.btr ', []],
    ['butil -copy orders.btr -Opam ord', ['orders.btr', 'orders.des']],
    ['butil -drop orders.btr s', ['SYSKEY']],
    ['butil -save a.btr a.seq ', ['N', 'Y']],
    ['butil -save a.btr a.seq y ord', ['orders.btr', 'orders.des']],
    ['butil -save a.btr a.seq N ', []],
    ['butil -hotcopy orders.btr ', ['old']],
    ['butil -startbu @fil', ['files.lst']],
    ['butil -config ', ['get', 'list', 'set', 'unset']],
    ['butil -config set transactiond', ['transactionDurability']],
    ['butil -config set logBufferSize=4M transactionD', ['transactionDurability']],
    ['butil -completion ', ['bash', 'zsh']],
    ['butil -export a b --to ', ['csv', 'jsonl']],
    ['butil -export a b --to=j', ['jsonl']],
    ['butil -export a b --to csv --layout ord', ['orders.btr', 'orders.des']],
    ['butil -stat --root ', ['old']],
    ['butil -stat --wait ', []],
    ['butil -stat --wait 5 orders.d', ['orders.des']],
  ];

  test.each([
    ['in a directory of $fpath', INSTALLED],
    ['sourced', SOURCED],
  ])('offers what bash does: the script %s', (_, reading) => {
    const found = offeredByZsh(
      reading,
      EXPECTED.map(([line]) => line),
    );
    const lists = found.map((list, index) => [EXPECTED[index]?.[0], list]);
    expect(lists).toEqual(EXPECTED.map(([line, words]) => [line, [...words].sort()]));
  });
});
