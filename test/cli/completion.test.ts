/** Completion in a real shell: what would be offered behind a command line that has been typed so far. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
