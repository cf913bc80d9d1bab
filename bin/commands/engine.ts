/**
 * `butil -cache`, `-purge` and `-stop`: commands to an engine that goes on running. The engine of a
 * command ends with it, so they do what is left of their meaning, and say so.
 */
import { readAllPages, type Client } from '../../src/index.js';
import { chooseRoot } from '../engine-for-command.js';
import { grouped } from '../messages.js';
import { done, type Outcome } from '../outcome.js';
import type { Session } from '../session.js';

const ENDS = 'No engine goes on running after this command, so its memory is given back with it.';

export async function cache(session: Session): Promise<Outcome> {
  const { client, file, owner } = await opened(session);
  const task = readAllPages(client, file, { owner });
  const { pages, bytes } = await session.follow('Reading', task);
  const text = `${grouped(pages)} pages of ${file} were read (${grouped(bytes)} bytes).`;
  return done(text, { file, pages, bytes }, [ENDS]);
}

export async function purge(session: Session): Promise<Outcome> {
  const { client, file, owner } = await opened(session);
  // Opening completes what a crash has left, closing writes what there is.
  readAllPages(client, file, { owner, onlyOpen: true }).next();
  return done(`Nothing of ${file} is in memory any more.`, { file }, [ENDS]);
}

export async function stop(session: Session): Promise<Outcome> {
  await session.client();
  const { root } = chooseRoot(session.value('root'), session.console);
  return done(`No engine is running at ${root}.`, { root });
}

async function opened(session: Session): Promise<{ client: Client; file: string; owner: string }> {
  const file = session.operand(0);
  const owner = await session.owner(0, file);
  return { client: await session.client(), file, owner };
}
