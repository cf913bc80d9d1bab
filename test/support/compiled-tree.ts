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

/** What is imported, when it is loaded or later. */
const IMPORTS = /(?: from |\bimport\()'(\.[^']*\.js)'|^import '(\.[^']*\.js)';/gm;

/** All of `src` in a directory, and the programs that are added. */
export class CompiledTree {
  readonly #into: string;
  readonly #seen = new Set<string>();

  constructor(into: string) {
    this.#into = into;
    mkdirSync(into, { recursive: true });
    copyFileSync(join(ROOT, 'package.json'), join(into, 'package.json'));
    symlinkSync(join(ROOT, 'node_modules'), join(into, 'node_modules'));
    const source = join(ROOT, 'src');
    for (const name of readdirSync(source, { recursive: true, encoding: 'utf8' })) {
      if (/\.(ts|js)$/.test(name)) this.#compile(join(source, name));
    }
  }

  /** Compiles a program of this project. Returns where it is. */
  add(program: string): string {
    this.#compile(program);
    return this.#target(program);
  }

  #target(path: string): string {
    return join(this.#into, relative(ROOT, path)).replace(/\.ts$/, '.js');
  }

  #compile(path: string): void {
    if (this.#seen.has(path)) return;
    this.#seen.add(path);
    const target = this.#target(path);
    mkdirSync(dirname(target), { recursive: true });
    if (!path.endsWith('.ts')) {
      copyFileSync(path, target);
      return;
    }
    const text = readFileSync(path, 'utf8');
    writeFileSync(target, translated(text));
    for (const [, from, alone] of text.matchAll(IMPORTS)) {
      const imported = join(dirname(path), from ?? alone ?? '');
      if (!imported.startsWith(join(ROOT, 'src'))) this.#compile(imported.replace(/\.js$/, '.ts'));
    }
  }
}

/** Compiles a program of this tree, and all of `src`, into a directory. Returns the program's path there. */
export function compileProgram(program: string, into: string): string {
  return new CompiledTree(into).add(program);
}

function translated(text: string): string {
  const tsconfigRaw = { compilerOptions: { verbatimModuleSyntax: true } };
  return transformSync(text, { loader: 'ts', target: 'es2023', tsconfigRaw }).code;
}
