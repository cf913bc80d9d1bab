/** `butil -describe`: the description file from which CREATE makes such a file again. */
import { dirname, join } from 'node:path';
import { describeFile, fileDefinition, fileNotes } from '../../src/index.js';
import { done, type Outcome } from '../outcome.js';
import type { Session } from '../session.js';
import { isSameFile, isThere, TextFileError, writeBytes, writeText } from '../text-files.js';

export async function command(session: Session): Promise<Outcome> {
  const [file, output] = [session.operand(0), session.optional(1)];
  const owner = await session.owner(0, file);
  const definition = fileDefinition(await session.client(), file, owner);
  const { text, acsFiles } = describeFile(definition);
  const notes = fileNotes(await session.client(), file, owner);
  const names = acsFiles.map(({ name }) => name);
  if (output === undefined) return done(text.trimEnd(), { file, text, acsFiles: names }, notes);
  const targets = acsFiles.map(({ name, bytes }) => ({ path: join(dirname(output), name), bytes }));
  if (isSameFile(output, file)) {
    throw new TextFileError('the description file', output, new Error('this is the data file'));
  }
  for (const path of [output, ...targets.map((each) => each.path)]) {
    if (!isThere(path)) continue;
    if (await session.mayReplace(`${path} is there already. Replace it?`, false)) continue;
    throw new TextFileError('there is already', path, new Error('--yes replaces it'));
  }
  for (const { path, bytes } of targets) writeBytes('the collating sequence file', path, bytes);
  writeText('the description file', output, text);
  const written = [output, ...targets.map((each) => each.path)];
  return done(`Written: ${written.join(', ')}`, { file, written }, notes);
}
