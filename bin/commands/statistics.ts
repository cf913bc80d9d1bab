/** `butil -statistics`: what the engine that runs on a root is doing. */
import type { EngineStatistics } from '../../src/index.js';
import { chooseRoot } from '../engine-for-command.js';
import { grouped } from '../messages.js';
import { done, EXIT, type Outcome } from '../outcome.js';
import type { Session } from '../session.js';

interface Served {
  readonly connections: number;
  readonly sessions: number;
  readonly waiting: number;
}

export async function command(session: Session): Promise<Outcome> {
  const { root } = chooseRoot(session.value('root'), session.console);
  const running = await session.running();
  if (running === undefined) {
    const text = `No engine is running at ${root}.`;
    return { exitCode: EXIT.NOT_DONE, reason: 'no-engine', result: { root }, text };
  }
  const statistics = (await running.administer('statistics')) as EngineStatistics;
  const served = (await running.administer('requester')) as Served;
  const { files, log, cache, clients } = statistics;
  const lines = [
    `Engine of ${root}, process ${running.pid}`,
    '',
    `Clients = ${clients - 1}`,
    `Clients of other processes = ${served.sessions - 1}`,
    `Clients that wait for a lock = ${served.waiting}`,
    `Cache = ${grouped(cache.inUse)} of ${grouped(cache.size)} bytes`,
    `Last LSN = ${log.lastLsn}`,
    `Last LSN on disk = ${log.durableLsn}`,
    `Log needed from LSN = ${log.neededFrom}`,
    `Bytes of the log not on disk = ${grouped(log.unsyncedBytes)}`,
    `Log segments = ${log.segments}`,
    `Files that wait for the log = ${log.waitingFiles.length}`,
    `Open files = ${files.length}`,
    ...files.map(
      ({ path, opens, records, dirtyPages }) =>
        `  ${path}: opened ${opens} times, ${grouped(records)} records, ${grouped(dirtyPages)} ` +
        'pages to be written',
    ),
  ];
  return done(lines.join('\n'), { root, pid: running.pid, requester: served, ...statistics });
}
