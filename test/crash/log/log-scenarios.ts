/** What is crashed: an engine that logs, in all its modes. */
import type { LogScenario } from './log-lab.js';
import { DIRECTORY, FIXED, ROOMY, type LogClient, type LogPlayer } from './log-player.js';

export const A = `${DIRECTORY}/a.dat`;
export const B = `${DIRECTORY}/roomy.dat`;
const ACCELERATED = -1;
const DURABLE = { transactionDurability: true };
const UNLOGGED = { transactionLogging: false };
/** Share of those whose states take four times as long as others: much is read and written in each. */
const COSTLY = 0.5;
const OWNER = 'sesame';
/** Encrypted, and nothing without the name. */
const SEALED = 2;

function pathOf(number: number): string {
  return number === 1 ? B : `${DIRECTORY}/a${number === 0 ? '' : number}.dat`;
}

export function paths(count: number): string[] {
  return Array.from({ length: count }, (_, number) => pathOf(number));
}

/** So many files with some records each, in an engine that goes on running. */
export function files(count: number, records = 6) {
  return (player: LogPlayer): void => {
    const client = player.client();
    for (const path of paths(count)) {
      player.create(path, path === B ? ROOMY : FIXED);
      client.open(path).insertMany(path, records);
    }
  };
}

/** The same, and the engine was stopped cleanly. */
export function stopped(count: number, records?: number) {
  return (player: LogPlayer): void => {
    files(count, records)(player);
    player.stop();
  };
}

function opened(player: LogPlayer, count: number, name?: string): LogClient {
  const client = player.client(name);
  for (const path of paths(count)) client.open(path);
  return client;
}

function transaction(client: LogClient, count: number, operations = 2): void {
  client.begin();
  for (const path of paths(count)) for (let n = 0; n < operations; n++) client.anything(path);
  client.end();
}

/** Transactions, with operations outside of them in between. */
function work(player: LogPlayer, client: LogClient, count: number, transactions: number): void {
  for (let n = 0; n < transactions; n++) {
    transaction(client, count);
    for (const path of paths(count)) if (player.pick(2) === 0) client.anything(path);
  }
}

const COMMITS: readonly LogScenario[] = [1, 2, 8].flatMap((count) =>
  [DURABLE, {}].map((settings) => ({
    name: `commit over ${count} files${settings === DURABLE ? ', durable' : ''}`,
    ...(count === 8 && { share: COSTLY }),
    settings: { ...settings, operationBundleLimit: 5 },
    before: stopped(count),
    run: (player: LogPlayer) => {
      work(player, opened(player, count), count, count === 8 ? 2 : 4);
    },
    fails: count === 2,
  })),
);

const MODES: readonly LogScenario[] = [
  {
    name: 'the first segment of a new root',
    run: (player) => {
      player.create(A, FIXED);
      const client = player.client().open(A);
      client.insert(A);
      transaction(client, 1);
      player.complete();
      client.anything(A);
    },
    fails: true,
  },
  {
    name: 'the first segment of a new root, durable',
    settings: DURABLE,
    run: (player) => {
      player.create(A, FIXED);
      const client = player.client().open(A);
      client.insert(A);
      transaction(client, 1);
    },
    fails: true,
  },
  {
    name: 'aborts',
    before: stopped(2),
    run: (player) => {
      const client = opened(player, 2);
      for (let n = 0; n < 3; n++) {
        client.begin(n % 2 === 0);
        for (const path of paths(2)) client.anything(path);
        client.abort();
        transaction(client, 2);
        client.anything(A);
      }
    },
    fails: true,
  },
  {
    name: 'operations beside a transaction of another client',
    settings: { operationBundleLimit: 4 },
    before: stopped(2, 40),
    run: (player) => {
      const [one, other] = [opened(player, 2, 'one'), opened(player, 2, 'other')];
      for (let n = 0; n < 3; n++) {
        one.begin();
        one.insert(B);
        other.insert(A);
        one.insert(B);
        other.insert(A);
        if (n === 1) one.abort();
        else one.end();
        other.anything(A);
      }
    },
  },
  {
    name: 'operations outside of transactions, durable',
    settings: { ...DURABLE, operationBundleLimit: 3 },
    before: stopped(2),
    run: (player) => {
      const client = opened(player, 2);
      for (let n = 0; n < 8; n++) client.anything(n % 2 === 0 ? A : B);
    },
    fails: true,
  },
  {
    name: 'clean stops and starts',
    settings: { operationBundleLimit: 4 },
    before: stopped(2),
    run: (player) => {
      for (let n = 0; n < 3; n++) {
        work(player, opened(player, 2), 2, 1);
        player.stop();
      }
      opened(player, 2).anything(A);
    },
    fails: true,
  },
];

const KILLED: readonly LogScenario[] = [
  {
    name: 'recovery of two files',
    before: (player) => {
      files(2)(player);
      work(player, opened(player, 2), 2, 5);
      // Handed to the system, with all that waited in the buffer.
      transaction(opened(player, 2), 2);
    },
    isKilledBefore: true,
    run: (player) => {
      const client = opened(player, 2);
      transaction(client, 2);
      client.anything(B);
    },
    deeperOneIn: 4,
    share: 2,
    fails: true,
  },
  {
    name: 'recovery of one file, and later of the other',
    settings: { operationBundleLimit: 2 },
    before: (player) => {
      files(2)(player);
      work(player, opened(player, 2), 2, 4);
      transaction(opened(player, 2), 2);
    },
    isKilledBefore: true,
    run: (player) => {
      const client = player.client().open(A);
      client.anything(A);
      player.stop();
      player.client().open(A).anything(A);
      transaction(opened(player, 2), 2);
      player.stop();
    },
    deeperOneIn: 5,
    share: 2,
  },
  {
    name: 'recovery by an engine that does not log',
    settingsAfter: UNLOGGED,
    before: files(2),
    run: (player) => {
      const client = opened(player, 2);
      work(player, client, 2, 3);
    },
    deeperOneIn: 3,
  },
  {
    name: 'killed while nothing was logged, and then logged',
    settings: UNLOGGED,
    settingsAfter: {},
    before: (player) => {
      files(2)(player);
      player.complete();
    },
    isKilledBefore: true,
    run: (player) => {
      player.configure({ transactionLogging: true });
      const client = opened(player, 2);
      work(player, client, 2, 2);
    },
  },
];

const SEGMENTS: readonly LogScenario[] = [
  {
    name: 'segments switched and used again',
    share: COSTLY,
    settings: { operationBundleLimit: 12 },
    before: stopped(2),
    run: (player) => {
      const client = opened(player, 2);
      for (let n = 0; n < 24; n++) {
        client.begin();
        client.insert(B, 9000);
        client.anything(A);
        client.end();
        if (n % 3 === 0) client.update(B, 8000);
      }
      player.complete();
      for (let n = 0; n < 10; n++) client.update(B, 12_000);
      transaction(client, 2);
      player.stop();
      transaction(opened(player, 2), 2);
    },
    fails: true,
  },
  {
    name: 'segments held by a file that is not written',
    share: COSTLY,
    settings: { ...DURABLE },
    before: stopped(2),
    run: (player) => {
      const client = opened(player, 2);
      client.insert(A);
      for (let n = 0; n < 12; n++) client.insert(B, 15_000);
      transaction(client, 2);
    },
  },
  {
    name: 'a transaction in pieces',
    share: COSTLY,
    settings: { cacheAllocationSize: 2 ** 24 },
    before: stopped(2),
    run: (player) => {
      const client = opened(player, 2);
      transaction(client, 2);
      client.begin();
      for (let n = 0; n < 40; n++) client.insert(B, 30_000);
      client.insert(A);
      client.end();
      transaction(client, 2);
    },
  },
];

const SWITCHED: readonly LogScenario[] = [
  {
    name: 'logging switched on and off',
    settings: { ...UNLOGGED, operationBundleLimit: 5 },
    before: stopped(2),
    run: (player) => {
      const client = opened(player, 2);
      work(player, client, 2, 1);
      player.configure({ transactionLogging: true });
      work(player, client, 2, 2);
      player.configure({ transactionLogging: false });
      work(player, client, 2, 1);
      player.configure({ transactionLogging: true });
      work(player, client, 2, 1);
    },
    share: 2,
    fails: true,
  },
  {
    name: 'durability switched on and off',
    settings: { operationBundleLimit: 6 },
    before: stopped(2),
    run: (player) => {
      const client = opened(player, 2);
      for (const transactionDurability of [true, false, true]) {
        player.configure({ transactionDurability });
        work(player, client, 2, 2);
      }
    },
  },
  {
    name: 'nothing logged',
    settings: { ...UNLOGGED, operationBundleLimit: 3 },
    before: stopped(2),
    run: (player) => {
      work(player, opened(player, 2), 2, 3);
      player.complete();
      transaction(opened(player, 2), 2);
    },
  },
];

const FILES: readonly LogScenario[] = [
  {
    name: 'an accelerated file, joined by a normal open',
    settings: { operationBundleLimit: 4 },
    before: stopped(2),
    run: (player) => {
      const fast = player.client('fast').open(A, ACCELERATED).open(B, ACCELERATED);
      for (let n = 0; n < 5; n++) fast.anything(A);
      const safe = player.client('safe').open(A);
      player.promiseFile(A);
      for (let n = 0; n < 4; n++) safe.anything(A);
      safe.close(A);
      player.promiseFile(A);
      for (let n = 0; n < 3; n++) fast.anything(A);
    },
    share: 2,
  },
  {
    name: 'an index made and dropped between logged changes',
    settings: { operationBundleLimit: 20 },
    before: stopped(2, 12),
    run: (player) => {
      const client = opened(player, 2);
      work(player, client, 2, 2);
      client.createIndex(A);
      work(player, client, 2, 1);
      client.dropIndex(A, 1);
      work(player, client, 2, 1);
    },
    share: 2,
    fails: true,
  },
  {
    name: 'an owner set between logged changes',
    settings: { operationBundleLimit: 20 },
    before: stopped(2, 12),
    run: (player) => {
      const client = opened(player, 2);
      work(player, client, 2, 1);
      client.setOwner(A, OWNER, 0);
      work(player, client, 2, 1);
      client.setOwner(B, OWNER, SEALED);
      work(player, client, 2, 1);
    },
    share: 2,
  },
  {
    name: 'an encrypted file',
    settings: { operationBundleLimit: 7 },
    before: (player) => {
      files(2)(player);
      opened(player, 2).setOwner(B, OWNER, SEALED);
      player.stop();
    },
    run: (player) => {
      const client = opened(player, 2);
      work(player, client, 2, 3);
    },
  },
  {
    name: 'closed and opened again between transactions',
    before: stopped(2),
    run: (player) => {
      for (let n = 0; n < 3; n++) {
        const client = opened(player, 2);
        transaction(client, 2);
        client.close(n % 2 === 0 ? A : B);
        client.anything(n % 2 === 0 ? B : A);
        client.close(n % 2 === 0 ? B : A);
      }
    },
  },
];

export const LOG_SCENARIOS: readonly LogScenario[] = [
  ...COMMITS,
  ...MODES,
  ...KILLED,
  ...SEGMENTS,
  ...SWITCHED,
  ...FILES,
];
