/** `butil -hotcopy`: copies of files in use, all as of one moment. */
import { resolve } from 'node:path';
import type { HotCopy } from '../../src/index.js';
import { listedFiles } from '../list-file.js';
import { grouped } from '../messages.js';
import { done, type Outcome } from '../outcome.js';
import type { Session } from '../session.js';

export async function command(session: Session): Promise<Outcome> {
  const paths = listedFiles(session.operand(0));
  const directory = resolve(session.operand(1));
  const owner = await session.owner(0, paths[0] ?? '');
  const options = { owner, replace: session.isSet('yes') };
  const files = paths.map((path) => resolve(path));
  const copies =
    (await session.byRunning<HotCopy[]>(
      paths,
      'hotCopy',
      { files, directory, ...options },
      'Copying',
    )) ??
    (await session.follow(
      'Copying',
      (await session.engine()).hotCopying(files, directory, options),
    ));
  const lines = copies.map(
    ({ file, copy, bytes }) => `${file} -> ${copy} (${grouped(bytes)} bytes)`,
  );
  return done(lines.join('\n'), { copies });
}
