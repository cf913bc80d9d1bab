/**
 * Archived files as an engine leaves them, of which the data is lost: backups, archival logs and what the transaction log
 * has beyond them give the files back.
 *
 * - At any moment: nothing that was acknowledged under durability is lost, no transaction is there in part, and nothing
 *   is missing in the logs afterwards.
 * - At any point of their history, by LSN, time, name or transaction: the files are as they were then.
 *
 * Of the environment: `RUNS` (lives), `TARGETS` and `MOMENTS` of each, and `SEED`; all are printed.
 */
import { expect, it } from 'vitest';
import { ArchivedLife, contentOf, rolled } from '../support/archived-life.js';

const RUNS = Number(process.env['RUNS'] ?? 40);
const TARGETS = Number(process.env['TARGETS'] ?? 50);
const MOMENTS = Number(process.env['MOMENTS'] ?? 13);
const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000_007);
const STEPS = 60;

/** Rolls forward to random points, on one disk with one engine; returns by how many transactions. */
function drillTargets(life: ArchivedLife): number {
  const world = life.end;
  const engine = life.start(world, false);
  const client = engine.client();
  let transactions = 0;
  try {
    for (let n = 0; n < TARGETS; n++) {
      const { until, commit } = life.aim(world);
      try {
        const { files } = rolled(engine, until === undefined ? {} : { until });
        expect(contentOf(client)).toEqual(life.commits[commit]?.texts);
        transactions += files.reduce((sum, each) => sum + each.transactions, 0);
      } catch (error) {
        throw new Error(`target ${n}, ${until ?? 'the end'}, commit ${commit}: ${String(error)}`, {
          cause: error,
        });
      }
    }
  } finally {
    engine.stopQuietly();
  }
  return transactions;
}

/** Loses the data at random moments; returns how many transactions only the transaction log had. */
function drillMoments(life: ArchivedLife): number {
  let appended = 0;
  for (let n = 0; n < MOMENTS; n++) {
    const { world, least, most } = life.lostAtRandom();
    const engine = life.start(world, true);
    try {
      const { files } = rolled(engine, {});
      appended += files.reduce((sum, each) => sum + each.appended, 0);
      const found = contentOf(engine.client());
      const commits = life.commits.slice(least, most + 1);
      if (!commits.some(({ texts }) => texts.every((text, index) => text === found[index]))) {
        expect(found).toEqual(life.commits[least]?.texts);
      }
      const gaps = world.events.filter(({ id }) => /^archive-(gap|degraded|removed)$/.test(id));
      expect(gaps).toEqual([]);
    } catch (error) {
      throw new Error(`moment ${n}, commits ${least} to ${most}: ${String(error)}`, {
        cause: error,
      });
    } finally {
      engine.stopQuietly();
    }
  }
  return appended;
}

it(
  `what was lost is had again (${RUNS} lives, ${RUNS * TARGETS} targets, ${RUNS * MOMENTS} moments, seed ${SEED})`,
  () => {
    let transactions = 0;
    let appended = 0;
    for (let run = 0; run < RUNS; run++) {
      const seed = SEED + run;
      try {
        const life = new ArchivedLife(seed).live(STEPS);
        transactions += drillTargets(life);
        appended += drillMoments(life);
      } catch (error) {
        throw new Error(`SEED=${seed} RUNS=1: ${String(error)}`, { cause: error });
      }
    }
    console.log(
      `${RUNS * TARGETS} targets, ${transactions} transactions; ${RUNS * MOMENTS} moments, ${appended} from the transaction log`,
    );
    if (RUNS >= 20) expect(transactions).toBeGreaterThan(RUNS * TARGETS);
    if (RUNS >= 20 && MOMENTS > 0) expect(appended).toBeGreaterThan(RUNS);
  },
  Math.max(900_000, RUNS * 10_000),
);
