/**
 * What is crashed: engines whose files have archival logs. Those of the transaction log, archived; and what
 * is done to archival logs alone.
 */
import type { LogScenario } from '../log/log-lab.js';
import type { LogPlayer } from '../log/log-player.js';
import { A, B, files, LOG_SCENARIOS, stopped } from '../log/log-scenarios.js';
import { verifyArchives } from './archive-verify.js';

const ARCHIVED = { archivalLoggingSelectedFiles: true };
const UNLOGGED = { transactionLogging: false };
/** In Accelerated mode nothing is archived. */
const BROKEN = 'accelerated';

function archived(scenario: LogScenario): LogScenario {
  const { settings = {}, settingsAfter, verify } = scenario;
  const allowed = scenario.name.includes(BROKEN) ? ['accelerated'] : [];
  return {
    ...scenario,
    deeperOneIn: 16,
    name: `archived: ${scenario.name}`,
    settings: { ...settings, ...ARCHIVED },
    ...(settingsAfter === undefined ? {} : { settingsAfter: { ...settingsAfter, ...ARCHIVED } }),
    verify: verify ?? ((player) => verifyArchives(player, allowed)),
  };
}

function work(player: LogPlayer, paths: readonly string[], transactions: number): void {
  const client = player.client();
  for (const path of paths) client.open(path);
  for (let n = 0; n < transactions; n++) {
    client.begin();
    for (const path of paths) for (let m = 0; m < 2; m++) client.anything(path);
    client.end();
    client.anything(paths[n % paths.length] ?? A);
  }
}

const OWN: readonly LogScenario[] = [
  {
    name: 'cuts and points',
    settings: { operationBundleLimit: 4 },
    before: stopped(2),
    run: (player) => {
      for (let n = 0; n < 3; n++) {
        work(player, [A, B], 2);
        player.engine.archiveCut(n % 2 === 0 ? A : B);
        player.promiseFile(n % 2 === 0 ? A : B);
        work(player, [A, B], 1);
        player.engine.archiveMark(undefined, `point ${n}`);
        player.promiseFile(A);
        player.promiseFile(B);
      }
    },
    share: 2,
    fails: true,
  },
  {
    name: 'the first log of a file, with a backup due',
    before: (player) => {
      stopped(1)(player);
      player.disk.remove(`${A}.log`);
      player.disk.syncDirectory('/d');
    },
    settings: { operationBundleLimit: 3 },
    run: (player) => work(player, [A], 4),
    // The chain begins in the middle.
    verify: () => undefined,
  },
  {
    name: 'nothing logged, small bundles',
    settings: { ...UNLOGGED, operationBundleLimit: 2 },
    before: stopped(2),
    run: (player) => {
      work(player, [A, B], 5);
      player.complete();
      work(player, [A, B], 2);
    },
    share: 2,
    fails: true,
  },
  {
    name: 'a change larger than a frame',
    settings: { cacheAllocationSize: 2 ** 24 },
    before: stopped(2),
    run: (player) => {
      const client = player.client().open(A).open(B);
      client.begin();
      for (let n = 0; n < 40; n++) client.insert(B, 30_000);
      client.insert(A);
      client.end();
      player.complete();
      client.anything(B);
    },
  },
  {
    name: 'the index and owner of an archived file',
    settings: { operationBundleLimit: 5 },
    before: files(2, 12),
    run: (player) => {
      work(player, [A, B], 1);
      const client = player.client().open(A).open(B);
      client.createIndex(A);
      work(player, [A], 1);
      client.dropIndex(A, 1);
      client.setOwner(A, 'sesame', 0);
      player.client().open(A).anything(A);
    },
    share: 2,
  },
];

export const ARCHIVE_SCENARIOS: readonly LogScenario[] = [
  ...LOG_SCENARIOS.map(archived),
  ...OWN.map(archived),
];
