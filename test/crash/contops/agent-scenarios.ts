/**
 * What is crashed: the backup agent is switched on, files are opened and worked in, and it is switched off. The log
 * laboratory demands that the files are those of one commit; here it is demanded as well that
 *
 * - what the agent has put in is known to be its own, and the agent is on as long as there is such a file;
 * - its state is whole, the old one or the new one;
 * - it takes out all it has put in and nothing else, and can be switched on again.
 */
import type { LogScenario } from '../log/log-lab.js';
import { DIRECTORY, FIXED, ROOT, type LogClient, type LogPlayer } from '../log/log-player.js';

const BY = 'backup-agent';
const paths = ['a', 'b', 'c'].map((name) => `${DIRECTORY}/${name}.dat`);
const [first = '', second = '', third = ''] = paths;

function files(player: LogPlayer): void {
  const client = player.client();
  for (const path of paths) {
    player.create(path, FIXED);
    client.open(path).insertMany(path, 6);
  }
  for (const path of paths) client.anything(path);
  player.stop();
}

function opened(player: LogPlayer, some = paths): LogClient {
  const client = player.client();
  for (const path of some) client.open(path);
  return client;
}

function work(client: LogClient, some = paths): void {
  client.begin();
  for (const path of some) client.anything(path);
  client.end();
}

function filesIn(player: LogPlayer): void {
  files(player);
  player.engine.startBackupAgent({ files: paths });
  work(opened(player));
  if (!player.isLogged) player.complete();
}

/** What an engine finds, whatever was going on. */
function isKnown(others: readonly string[]) {
  return (player: LogPlayer): void => {
    const { engine } = player;
    const failed = player.events.find(({ id }) => id === 'backup-agent-failed');
    if (failed !== undefined) throw new Error(failed.text);
    const before = engine.continuous();
    const own = before.filter(({ by }) => by === BY).map(({ file }) => file);
    const report = engine.backupAgent();
    if (own.length > 0 && !report.isOn) throw new Error('files of the agent are in, and it is off');
    if (String(report.files) !== String(own)) throw new Error(`it reports ${String(report.files)}`);
    for (const file of report.others) {
      if (!others.includes(file)) throw new Error(`${file} was put in by the agent`);
    }
    // As long as it is on another one is refused; every other time the crash goes on from there.
    if (report.isOn !== isRefused(player)) throw new Error('on, and switched on again');
    if (player.pick(2) !== 0) takeOut(player, report.others);
  };
}

/** All that the agent has put in comes out, and nothing else. */
function takeOut({ engine, disk }: LogPlayer, others: readonly string[]): void {
  const { failed: kept } = engine.stopBackupAgent();
  if (kept.length > 0) throw new Error(`${kept[0]?.file} stays in: ${kept[0]?.message}`);
  const left = engine.continuous().map(({ file }) => file);
  if (String(left) !== String(others)) throw new Error(`still in: ${String(left)}`);
  if (engine.backupAgent().isOn) throw new Error('it is on still');
  for (const name of disk.list(DIRECTORY)) {
    if (!name.endsWith('.^^^')) continue;
    if (left.some((file) => `${DIRECTORY}/${name}` === file.replace('.dat', '.^^^'))) continue;
    throw new Error(`${name} is left over`);
  }
  if (disk.list(`${ROOT}/etc`).includes('backup-agent.json')) throw new Error('its state is left');
}

function isRefused({ engine }: LogPlayer): boolean {
  try {
    engine.startBackupAgent({ files: [], dryRun: true });
    return false;
  } catch {
    return true;
  }
}

const MODES = [
  ['', {}],
  [', durable', { transactionDurability: true }],
  [', not logged', { transactionLogging: false }],
] as const;

export const AGENT_SCENARIOS: readonly LogScenario[] = MODES.flatMap(
  ([mode, more]): LogScenario[] => {
    const settings = { operationBundleLimit: 4, ...more };
    return [
      {
        name: `the agent for open files, on and off${mode}`,
        settings,
        before: files,
        run: (player) => {
          const client = opened(player, [first, second]);
          work(client, [first, second]);
          player.engine.startBackupAgent();
          work(client, [first, second]);
          // Goes in as it is opened.
          work(opened(player, [third]), [third]);
          work(client, [first, second]);
          player.engine.stopBackupAgent();
          work(client, [first, second]);
        },
        verify: isKnown([]),
      },
      {
        name: `the agent is switched on${mode}`,
        settings,
        before: files,
        run: (player) => {
          player.engine.startBackupAgent({ files: paths });
        },
        verify: isKnown([]),
      },
      {
        name: `the agent is switched off${mode}`,
        settings,
        before: filesIn,
        run: (player) => {
          player.engine.stopBackupAgent();
        },
        verify: isKnown([]),
      },
      {
        name: `the agent for a list, beside a file of somebody else${mode}`,
        settings,
        before: files,
        run: (player) => {
          const client = opened(player);
          player.engine.startContinuous([second]);
          player.engine.startBackupAgent({ files: paths, pid: 4711 });
          work(client);
          player.engine.stopBackupAgent();
          work(client);
        },
        verify: isKnown([second]),
      },
      {
        name: `the agent is stopped by another engine, after a kill${mode}`,
        settings,
        before: filesIn,
        isKilledBefore: true,
        run: (player) => {
          work(opened(player, [first]), [first]);
          player.engine.stopBackupAgent();
          work(opened(player));
        },
        verify: isKnown([]),
      },
      {
        name: `the agent is stopped in steps, beside a writer${mode}`,
        settings,
        before: filesIn,
        run: (player) => {
          const client = opened(player);
          const steps = player.engine.stoppingBackupAgent();
          while (steps.next().done !== true) work(client);
          player.engine.startBackupAgent({ files: [first] });
          work(client);
        },
        verify: isKnown([]),
      },
      {
        name: `the engine is stopped and started while the agent is on${mode}`,
        settings,
        before: files,
        run: (player) => {
          player.engine.startBackupAgent();
          work(opened(player));
          player.stop();
          work(opened(player));
          player.engine.stopBackupAgent();
          player.stop();
        },
        verify: isKnown([]),
      },
    ];
  },
);
