/**
 * `butil -cache`, `-purge` and `-stop`: commands to an engine that goes on running. Where there is none the
 * engine of the command ends with it, so they do what is left of their meaning, and say so.
 */
import { resolve } from 'node:path';
import { readAllPages, type Client } from '../../src/index.js';
import { chooseRoot, rootLetGo } from '../engine-for-command.js';
import { grouped } from '../messages.js';
import { done, type Outcome } from '../outcome.js';
import type { Session } from '../session.js';

const ENDS = 'No engine goes on running after this command, so its memory is given back with it.';

export async function cache(session: Session): Promise<Outcome> {
  const read = await byRunning(session, 'cache');
  if (read !== undefined) {
    const { file, pages, bytes } = read;
    const text = `${grouped(pages)} pages of ${file} were read (${grouped(bytes)} bytes).`;
    return done(text, { file, pages, bytes });
  }
  const { client, file, owner } = await opened(session);
  const task = readAllPages(client, file, { owner });
  const { pages, bytes } = await session.follow('Reading', task);
  const text = `${grouped(pages)} pages of ${file} were read (${grouped(bytes)} bytes).`;
  return done(text, { file, pages, bytes }, [ENDS]);
}

interface CachedFile {
  readonly pages: number;
  readonly bytes: number;
}

/** What the engine that runs already has done with the file; undefined if there is none. */
async function byRunning(session: Session, name: string) {
  const file = session.operand(0);
  if ((await session.running(file)) === undefined) return undefined;
  const owner = await session.owner(0, file);
  const args = { file: resolve(file), owner };
  const result = await session.byRunning<CachedFile>([file], name, args, 'Reading');
  return result === undefined ? undefined : { file, ...result };
}

export async function purge(session: Session): Promise<Outcome> {
  const running = await session.running(session.operand(0));
  if (running !== undefined) {
    await running.administer('flush');
    const text = `Everything that was changed in ${session.operand(0)} is on disk.`;
    const note = 'Its pages stay in the memory of the engine that goes on running.';
    return done(text, { file: session.operand(0) }, [note]);
  }
  const { client, file, owner } = await opened(session);
  // Opening completes what a crash has left, closing writes what there is.
  readAllPages(client, file, { owner, onlyOpen: true }).next();
  return done(`Nothing of ${file} is in memory any more.`, { file }, [ENDS]);
}

export async function stop(session: Session): Promise<Outcome> {
  const running = await session.running();
  if (running !== undefined) {
    const { pid } = running;
    await running.administer('stop', { force: session.isSet('yes') });
    await running.ended;
    const { root } = chooseRoot(session.value('root'), session.console);
    await rootLetGo(root);
    return done(`The engine at ${root} was stopped (process ${pid}).`, { root, pid });
  }
  await session.client();
  const { root } = chooseRoot(session.value('root'), session.console);
  return done(`No engine is running at ${root}.`, { root });
}

async function opened(session: Session): Promise<{ client: Client; file: string; owner: string }> {
  const file = session.operand(0);
  const owner = await session.owner(0, file);
  return { client: await session.client(), file, owner };
}
