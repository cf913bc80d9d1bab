/**
 * Restored backups, rolled forward by archival logs and by what the transaction log has beyond them, are what
 * the files were: records, addresses, order of every key. To the end nothing is lost that was acknowledged
 * under durability, whenever the data is lost; to any other point they are as they were then.
 *
 * `RUNS` and `SEED` of the environment say how many lives, and which; both are printed.
 */
import { expect, it } from 'vitest';
import {
  assertAsAfter,
  playerOn,
  rollForward,
  RollingLife,
} from '../crash/roll-forward/rolling-life.js';

const RUNS = Number(process.env['RUNS'] ?? 110);
const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000_007);
const STEPS = 45;
/** For each life. */
const TARGETS = 3;

/** Rolls forward once; returns by how many transactions. */
function drill(life: RollingLife, seed: number): number {
  const isPowerCut = life.pick(2) === 0;
  const disk = life.lost(isPowerCut, life.pick(3) > 0);
  const { until, commit } = life.aim();
  const player = playerOn(disk, life, seed);
  try {
    const options = until === undefined ? {} : { until };
    const result = rollForward(player.engine, life.paths, options);
    assertAsAfter(player, life, commit);
    player.stop();
    for (const path of life.paths) player.check(path, '', true);
    player.files.assertNothingOpen();
    return result.files.reduce((sum, { transactions }) => sum + transactions, 0);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    throw new Error(`until ${until ?? 'the end'}, power cut: ${isPowerCut}: ${text}`, {
      cause: error,
    });
  } finally {
    player.abandon();
  }
}

it(`what was lost is had again (${RUNS} lives, ${TARGETS * RUNS} targets, seed ${SEED})`, () => {
  let transactions = 0;
  for (let run = 0; run < RUNS; run++) {
    const seed = SEED + run;
    const life = new RollingLife(seed).live(STEPS);
    try {
      for (let n = 0; n < TARGETS; n++) transactions += drill(life, seed + 7 * n + 1);
    } catch (error) {
      throw new Error(`SEED=${seed} RUNS=1: ${String(error)}`, { cause: error });
    } finally {
      life.player.abandon();
    }
  }
  console.log(`${TARGETS * RUNS} targets, ${transactions} transactions applied`);
  if (RUNS >= 20) expect(transactions).toBeGreaterThan(10 * RUNS);
}, 600_000);
