/**
 * `npm run test:package`: what people get. Packs the package, installs it into empty projects and uses it
 * there: as JavaScript, as TypeScript under both ways of resolving modules, by `npx butil`; and once more
 * without the native module, where the first lock must say what is missing.
 *
 * Needs the registry, so it is no part of `npm test`. Leaves nothing behind.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const PROGRAM = `
import { MicroKernel, defineRecord, autoincrement, zstring, key } from 'isamite';
const engine = MicroKernel.start({ root: './root' });
const client = engine.client();
const layout = defineRecord(
  { id: autoincrement(4), name: zstring(30) },
  { keys: { id: key('id'), name: key('name', { duplicates: true }) } },
);
client.createFile('./customers.btr', layout);
const file = client.openFile('./customers.btr', layout);
file.insert({ name: 'Ada' });
console.log(file.get('name', 'Ada')?.id);
engine.stop();
`;

const directory = mkdtempSync(join(tmpdir(), 'isamite-package-'));
const compiler = resolve('node_modules/typescript/bin/tsc');
let failures = 0;

function check(name: string, isGood: boolean, seen: string): void {
  console.log(`${isGood ? 'good' : 'BAD '}  ${name}${isGood ? '' : `\n${seen}`}`);
  if (!isGood) failures++;
}

function run(cwd: string, command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });
  return { status, text: stdout + stderr };
}

function project(name: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): string {
  const cwd = join(directory, name);
  mkdirSync(cwd);
  const manifest = { name, private: true, type: 'module', allowScripts: { 'fs-ext': true } };
  writeFileSync(join(cwd, 'package.json'), JSON.stringify(manifest));
  writeFileSync(join(cwd, 'program.ts'), PROGRAM);
  writeFileSync(join(cwd, 'program.js'), PROGRAM);
  const common = ['install', packed, '--no-audit', '--no-fund', ...args];
  const { status, text } = run(cwd, 'npm', common, env);
  check(`${name}: npm install ${args.join(' ')}`, status === 0, text);
  return cwd;
}

function checkTypes(cwd: string, module: string, resolution: string): void {
  const options = ['--noEmit', '--strict', '--target', 'es2023', '--module', module];
  const all = [compiler, ...options, '--moduleResolution', resolution, 'program.ts'];
  const { status, text } = run(cwd, process.execPath, all);
  check(`types, module resolution ${resolution}`, status === 0, text);
}

function checkWithoutModule(name: string, args: readonly string[], env: NodeJS.ProcessEnv): void {
  const cwd = project(name, args, env);
  const { status, text } = run(cwd, process.execPath, ['program.js']);
  const says = text.includes('status 20') && text.includes('python3, make and g++');
  check(`${name}: status 20, and what to install`, status !== 0 && says, text);
  const version = run(cwd, 'npx', ['butil', '-ver']);
  check(`${name}: what needs no lock works`, version.status === 0, version.text);
}

const packed = join(
  directory,
  execFileSync('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', directory], {
    encoding: 'utf8',
  }).trim(),
);
try {
  const usual = project('usual', []);
  const program = run(usual, process.execPath, ['program.js']);
  check('a program runs', program.status === 0 && program.text.startsWith('1'), program.text);
  const butil = run(usual, 'npx', ['butil', '-stat', 'customers.btr']);
  check('npx butil -stat', butil.status === 0, butil.text);
  const pages = ['butil.1', 'isamited.1'].map((page) => join('node_modules/isamite/man', page));
  const isThere = pages.every((page) => existsSync(join(usual, page)));
  check('manual pages', isThere, pages.join(', '));
  checkTypes(usual, 'node16', 'node16');
  checkTypes(usual, 'esnext', 'bundler');
  checkWithoutModule('no-scripts', ['--ignore-scripts'], {});
  checkWithoutModule('no-compiler', [], { CXX: '/nonexistent', CC: '/nonexistent' });
} finally {
  rmSync(directory, { recursive: true, force: true });
}
console.log(failures === 0 ? 'The package is good.' : `${failures} failed.`);
process.exitCode = failures === 0 ? 0 : 1;
