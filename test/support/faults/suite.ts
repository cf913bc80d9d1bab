/**
 * The tests of a list of seeded faults: every one is found by the trials of a module, and the trial that
 * found it passes without it.
 *
 * One fault alone: `npx vitest run test/crash/seeded-faults.test.ts -t 'tail not cut'`. Of the environment: `SEED`.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compiledPath } from '../compiled-tree.js';
import { FaultTrees, type Fault } from './trees.js';
import { Workers, type Outcome } from './workers.js';

const SEED = Number(process.env['SEED'] ?? 1);

export interface FaultToFind extends Fault {
  /** The trial that is tried first; the others follow if it finds nothing. */
  readonly first: string;
}

export interface FaultSuite {
  readonly title: string;
  readonly faults: readonly FaultToFind[];
  /** A module that exports `trials`, from the root of the repository. */
  readonly trials: string;
  /** Of each fault only the trial that it names. */
  readonly alone?: boolean;
}

export function testFaults({ title, faults, trials, alone = false }: FaultSuite): void {
  const table: string[] = [];
  const controls = new Map<string, Promise<Outcome>>();
  let found = 0;
  let passed = 0;
  let trees: FaultTrees;
  let workers: Workers;

  beforeAll(() => {
    trees = new FaultTrees();
    workers = new Workers(compiledPath(trees.whole, 'test/support/faults/worker.ts'));
  });

  afterAll(() => {
    workers.stop();
    trees.remove();
    table.push(
      `${found} of ${faults.length} faults found, ${passed} of ${controls.size} trials without a fault passed, seed ${SEED}`,
    );
    console.log(table.join('\n'));
  });

  const examine = (tree: string, first: string, isAlone: boolean): Promise<Outcome> =>
    workers.examine({ module: compiledPath(tree, trials), seed: SEED, first, alone: isAlone });

  /** The same trial where there is no fault. */
  const control = (trial: string): Promise<Outcome> => {
    const before = controls.get(trial);
    if (before !== undefined) return before;
    const outcome = examine(trees.whole, trial, true);
    controls.set(trial, outcome);
    void outcome.then((clean) => {
      table.push(line('(no fault)', clean));
      if (clean.kind === 'passed') passed++;
    });
    return outcome;
  };

  describe.concurrent(title, () => {
    test.each(faults)('$name', async (fault) => {
      const tree = trees.break(fault);
      const outcome = await examine(tree, fault.first, alone);
      trees.remove(tree);
      table.push(line(fault.name, outcome));
      expect(['found', 'hang'], `${outcome.kind}: ${outcome.how}`).toContain(outcome.kind);
      const clean = await control(outcome.trial);
      expect(clean, `${outcome.trial} without a fault`).toMatchObject({ kind: 'passed', how: '' });
      found++;
    });
  });
}

function line(name: string, { kind, trial, states, how, seconds }: Outcome): string {
  const columns = [
    name.padEnd(62),
    (['hang', 'broken'].includes(kind) ? kind.toUpperCase() : trial).padEnd(60),
    `${states} states`.padStart(12),
    `${seconds.toFixed(1)} s`.padStart(7),
    ` ${how.slice(0, 100)}`,
  ];
  return columns.join(' ');
}
