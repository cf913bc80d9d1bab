/** `butil -clone`: an empty file with the definition of another one. */
import { resolve } from 'node:path';
import { cloneFile, type MadeFile } from '../../src/index.js';
import { done, type Outcome } from '../outcome.js';
import type { Session } from '../session.js';
import { isThere } from '../text-files.js';

export async function command(session: Session): Promise<Outcome> {
  const [output, source] = [session.operand(0), session.operand(1)];
  const pageCompression = choice(session, 'PAGECOMPRESS');
  const recordCompression = choice(session, 'RECORDCOMPRESS');
  const owner = await session.owner(0, source);
  const replace =
    isThere(output) && (await session.mayReplace(`${output} is there already. Replace it?`, false));
  const { dryRun } = session;
  const options = {
    owner,
    replace,
    dryRun,
    ...(pageCompression === undefined ? {} : { pageCompression }),
    ...(recordCompression === undefined ? {} : { recordCompression }),
  };
  const { notes, pageSize, recordLength, keys } = await session.once<MadeFile>(
    [source, output],
    'cloneFile',
    { ...options, source: resolve(source), output: resolve(output) },
    (client) => {
      const definition = cloneFile(client, source, output, options);
      return { ...definition, keys: definition.keys.length };
    },
  );
  const text = dryRun ? `${output} would be made; nothing was changed.` : '';
  return done(text, { output, source, dryRun, pageSize, recordLength, keys }, notes);
}

function choice(session: Session, name: string): boolean | undefined {
  const [on, off] = [session.isSet(`${name}ON`), session.isSet(`${name}OFF`)];
  if (on && off) throw session.wrong(`-${name}ON and -${name}OFF exclude each other`);
  return on || off ? on : undefined;
}
