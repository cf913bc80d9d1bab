/**
 * Compiled trees that tell apart by one module: whole, and with a fault each. They are inside the
 * repository, so that packages are found. Several tests may be under way.
 *
 * The modules of a tree with a fault are those of the whole one under a second name: to Node.js, which
 * goes by paths, no two trees have a module in common. Nothing is ever written through such a name.
 */
import {
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { compiledPath, compileTree, ROOT, translated } from '../compiled-tree.js';

const TREES = join(ROOT, '.results/faults');

export interface Fault {
  readonly name: string;
  /** From the root of the repository. */
  readonly file: string;
  /** The source with the fault. Throws if that no longer fits. */
  readonly put: (source: string) => string;
}

export class FaultTrees {
  readonly whole: string;
  readonly #directory: string;
  /** Of all modules, in a tree. */
  readonly #paths: readonly string[];

  constructor() {
    mkdirSync(TREES, { recursive: true });
    this.#directory = mkdtempSync(join(TREES, 'run-'));
    this.whole = join(this.#directory, 'whole');
    compileTree(this.whole);
    this.#paths = readdirSync(this.whole, { recursive: true, encoding: 'utf8' }).filter((path) =>
      path.endsWith('.js'),
    );
  }

  /** A tree with a fault. */
  break({ name, file, put }: Fault): string {
    const broken = translated(put(readFileSync(join(ROOT, file), 'utf8')));
    const tree = mkdtempSync(join(this.#directory, `${name.replaceAll(/\W+/g, '-')}-`));
    for (const path of this.#paths) {
      mkdirSync(dirname(join(tree, path)), { recursive: true });
      linkSync(join(this.whole, path), join(tree, path));
    }
    const module = compiledPath(tree, file);
    rmSync(module);
    writeFileSync(module, broken);
    return tree;
  }

  /** One tree, or all. */
  remove(tree = this.#directory): void {
    rmSync(tree, { recursive: true, force: true });
  }
}
