/** Owner names for several files, or of several times of one: separated by commas. */
import type { Session } from './session.js';

/** All names that are given; a name with a comma in it is tried as well. */
export async function ownerNames(session: Session): Promise<readonly string[]> {
  const given = await session.owner(0, session.operand(0));
  const parts = given.split(',').filter((name) => name !== '');
  return given === '' ? [] : [...new Set([given, ...parts])];
}
