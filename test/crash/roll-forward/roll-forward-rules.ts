/** A rule of roll-forward that needs archival logs which end at different places. */
import { assertAsAfter, playerOn, rollForward, RollingLife } from './rolling-life.js';

const TRANSACTIONS = 8;
const FILES = 3;
const ROUNDS = 6;

/**
 * By archival logs alone, of which some have lost their ends: a transaction is in all of its files or in none
 * of them, and no file is left before what all can have. Throws otherwise.
 */
export function checkWholeTransactions(seed: number): void {
  const life = new RollingLife(seed);
  try {
    const { client, player, recorder, paths } = life;
    const first = player.history.last;
    for (let n = 0; n < TRANSACTIONS; n++) {
      client.begin();
      for (const path of paths) client.insert(path);
      client.end();
      recorder.pull(player.disk);
    }
    for (let round = 0; round < ROUNDS; round++) checkOnce(life, first, seed + round);
  } finally {
    life.player.abandon();
  }
}

function checkOnce(life: RollingLife, first: number, seed: number): void {
  const disk = life.lost(false, true);
  const player = playerOn(disk, life, seed);
  try {
    rollForward(player.engine, life.paths, { archiveOnly: true });
    const [path = ''] = life.paths;
    const found = player.dump(path);
    const { commits } = player.history;
    const commit = commits.findLastIndex(({ files }) => files.get(path)?.text === found);
    if (commit < first) throw new Error(`${path} is as after no transaction`);
    assertAsAfter(player, life, commit);
    if (life.paths.length !== FILES) throw new Error(`there are ${life.paths.length} files`);
  } finally {
    player.abandon();
  }
}
