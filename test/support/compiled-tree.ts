/**
 * A program of the tests, with everything it imports, as JavaScript in a directory of its own: for tests
 * that start it hundreds of times. Translating anew in each process takes ten times as long as starting it.
 */
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { transformSync } from 'esbuild';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** Compiles a program of this tree, and all of `src`, into a directory. Returns the program's path there. */
export function compileProgram(program: string, into: string): string {
  const seen = new Set<string>();
  const compile = (path: string): void => {
    if (seen.has(path)) return;
    seen.add(path);
    const target = join(into, relative(ROOT, path));
    mkdirSync(dirname(target), { recursive: true });
    if (!path.endsWith('.ts')) {
      copyFileSync(path, target);
      return;
    }
    const text = readFileSync(path, 'utf8');
    writeFileSync(target.replace(/\.ts$/, '.js'), translated(text));
    for (const [, fileName = ''] of text.matchAll(/ from '(\.[^']*\.js)';/g)) {
      const imported = join(dirname(path), fileName);
      if (!imported.startsWith(join(ROOT, 'src'))) compile(imported.replace(/\.js$/, '.ts'));
    }
  };
  mkdirSync(into, { recursive: true });
  copyFileSync(join(ROOT, 'package.json'), join(into, 'package.json'));
  symlinkSync(join(ROOT, 'node_modules'), join(into, 'node_modules'));
  const source = join(ROOT, 'src');
  for (const name of readdirSync(source, { recursive: true, encoding: 'utf8' })) {
    if (/\.(ts|js)$/.test(name)) compile(join(source, name));
  }
  compile(program);
  return join(into, relative(ROOT, program)).replace(/\.ts$/, '.js');
}

function translated(text: string): string {
  const tsconfigRaw = { compilerOptions: { verbatimModuleSyntax: true } };
  return transformSync(text, { loader: 'ts', target: 'es2023', tsconfigRaw }).code;
}
