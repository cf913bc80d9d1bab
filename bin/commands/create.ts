/** `butil -create`: an empty file from a description file. */
import { createFile } from '../../src/index.js';
import { fileDescription } from '../description.js';
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
  const client = await session.client();
  const { systemData } = (await session.engine()).settings;
  const description = describe(systemData === 'none' ? 'never' : systemData);
  const said = answer === undefined ? description.replace : answer === 'Y';
  const replace =
    said ??
    (isThere(output) &&
      (await session.mayReplace(`${output} is there already. Replace it?`, true)));
  const { dryRun } = session;
  createFile(client, output, description.definition, { replace, dryRun });
  const { notes, pageSize, recordLength, keys } = description.definition;
  const shown = dryRun ? `${output} would be made; nothing was changed.` : '';
  return done(shown, { output, dryRun, pageSize, recordLength, keys: keys.length }, notes);
}
