/** `butil -create`: an empty file from a description file. */
import { resolve } from 'node:path';
import { createFile, type MadeFile, type SystemDataPolicy } from '../../src/index.js';
import { fileDescription, portable } from '../description.js';
import { done, type Outcome } from '../outcome.js';
import type { Session } from '../session.js';
import { isThere } from '../text-files.js';

export async function command(session: Session): Promise<Outcome> {
  const [output, descriptionFile] = [session.operand(0), session.operand(1)];
  const answer = session.optional(2)?.toUpperCase();
  if (answer !== undefined && answer !== 'Y' && answer !== 'N') {
    throw session.wrong(`${answer} is neither Y nor N`);
  }
  const describe = fileDescription(descriptionFile);
  const description = describe(await systemDataOf(session, output));
  const said = answer === undefined ? description.replace : answer === 'Y';
  const replace =
    said ??
    (isThere(output) &&
      (await session.mayReplace(`${output} is there already. Replace it?`, true)));
  const { dryRun } = session;
  const { definition } = description;
  const made = await session.once<MadeFile>(
    [output],
    'createFile',
    { ...portable(descriptionFile, 'create'), output: resolve(output), replace, dryRun },
    (client) => {
      createFile(client, output, definition, { replace, dryRun });
      return { ...definition, keys: definition.keys.length };
    },
  );
  const { notes, pageSize, recordLength, keys } = made;
  const shown = dryRun ? `${output} would be made; nothing was changed.` : '';
  return done(shown, { output, dryRun, pageSize, recordLength, keys }, notes);
}

/** Whether files get system data by the settings; of an engine elsewhere that one says it. */
async function systemDataOf(
  session: Session,
  output: string,
): Promise<SystemDataPolicy | undefined> {
  if ((await session.running(output)) !== undefined) return undefined;
  const { systemData } = (await session.engine()).settings;
  return systemData === 'none' ? 'never' : systemData;
}
