/**
 * The sources and what tests start in processes of their own, as JavaScript in a directory: for tests that
 * start it hundreds of times. Translating anew in each process takes ten times as long as starting it.
 * Laboratories are run from such a directory as well: what the test runner makes of a module looks up every
 * import at each use, and takes a fifth longer.
 */
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { buildSync, transformSync } from 'esbuild';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** In the repository, so that packages are found. The configuration of the test runner names it too. */
const LABS = join(ROOT, '.results/labs');
const OF_CRASHES = ['src', 'test/support', 'test/crash'];
const OF_PROGRAMS = ['src', 'bin', 'test/support', 'test/requester'];

/** Compiles what is in some folders into a directory, where it has the paths it has here. */
export function compileTree(into: string, folders: readonly string[] = OF_CRASHES): void {
  const files = folders.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.(ts|js)$/.test(name) && !name.endsWith('.test.ts'))
      .map((name) => join(folder, name)),
  );
  buildSync({
    absWorkingDir: ROOT,
    entryPoints: files,
    outbase: '.',
    outdir: into,
    target: 'es2023',
    logLevel: 'warning',
  });
}

/** Compiles a program of the crash tests, and the tree, into a directory anywhere. Returns its path there. */
export function compileProgram(program: string, into: string): string {
  compileTree(into);
  makePackage(into);
  return compiledPath(into, relative(ROOT, program));
}

/** Compiles the programs of the package, and those of tests of it, into a directory anywhere. */
export function compilePrograms(into: string): void {
  compileTree(into, OF_PROGRAMS);
  makePackage(into);
}

/** The tree of a test file that runs a laboratory. The test runner takes its modules as they are. */
export class CompiledLab {
  readonly #tree: string;

  constructor() {
    mkdirSync(LABS, { recursive: true });
    this.#tree = mkdtempSync(join(LABS, 'lab-'));
    compileTree(this.#tree);
  }

  /** What a module exports; `source` is its path from the root of the repository. */
  async load(source: string): Promise<object> {
    return (await import(pathToFileURL(compiledPath(this.#tree, source)).href)) as object;
  }

  remove(): void {
    rmSync(this.#tree, { recursive: true, force: true });
  }
}

function makePackage(into: string): void {
  copyFileSync(join(ROOT, 'package.json'), join(into, 'package.json'));
  symlinkSync(join(ROOT, 'node_modules'), join(into, 'node_modules'));
}

/** Where a source is in a compiled tree. */
export function compiledPath(tree: string, source: string): string {
  return join(tree, source).replace(/\.ts$/, '.js');
}

/** One source as JavaScript. */
export function translated(text: string): string {
  const tsconfigRaw = { compilerOptions: { verbatimModuleSyntax: true } };
  return transformSync(text, { loader: 'ts', target: 'es2023', tsconfigRaw }).code;
}
