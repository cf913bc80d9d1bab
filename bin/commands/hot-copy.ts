/** `butil -hotcopy`: copies of files in use, all as of one moment. */
import { filesNamed } from '../file-list.js';
import { grouped } from '../messages.js';
import { done, type Outcome } from '../outcome.js';
import type { Session } from '../session.js';

export async function command(session: Session): Promise<Outcome> {
  const paths = filesNamed(session, session.operand(0));
  const directory = session.operand(1);
  const owner = await session.owner(0, paths[0] ?? '');
  const engine = await session.engine();
  const options = { owner, replace: session.isSet('yes') };
  const copies = await session.follow('Copying', engine.hotCopying(paths, directory, options));
  const lines = copies.map(
    ({ file, copy, bytes }) => `${file} -> ${copy} (${grouped(bytes)} bytes)`,
  );
  return done(lines.join('\n'), { copies });
}
