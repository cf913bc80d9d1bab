/** `butil -describe`: the description file from which CREATE makes such a file again. */
import { dirname, join, resolve } from 'node:path';
import { describeFile, fileDefinition, fileNotes, type DescribedText } from '../../src/index.js';
import { done, type Outcome } from '../outcome.js';
import type { Session } from '../session.js';
import { isSameFile, isThere, TextFileError, writeBytes, writeText } from '../text-files.js';

export async function command(session: Session): Promise<Outcome> {
  const [file, output] = [session.operand(0), session.optional(1)];
  const owner = await session.owner(0, file);
  const args = { file: resolve(file), owner };
  const described = await session.once<DescribedText>([file], 'describeFile', args, (client) => {
    const { text: lines, acsFiles: sequences } = describeFile(fileDefinition(client, file, owner));
    const files = sequences.map(({ name, bytes }) => ({
      ...{ name, base64: Buffer.from(bytes).toString('base64') },
    }));
    return { text: lines, acsFiles: files, notes: fileNotes(client, file, owner) };
  });
  const { text, acsFiles, notes } = described;
  const names = acsFiles.map(({ name }) => name);
  if (output === undefined) return done(text.trimEnd(), { file, text, acsFiles: names }, notes);
  const targets = acsFiles.map(({ name, base64 }) => ({
    ...{ path: join(dirname(output), name), bytes: Buffer.from(base64, 'base64') },
  }));
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
