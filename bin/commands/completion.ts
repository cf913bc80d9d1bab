/** `butil -completion`: the script with which a shell completes the command lines of `butil`. */
import { SETTINGS } from '../../src/index.js';
import { completionScript } from '../completion.js';
import type { CommandDeclaration } from '../declaration.js';
import { done, type Outcome } from '../outcome.js';
import type { Session } from '../session.js';

/** The settings, for -config. */
const OPERAND_WORDS = { 'name[=value]': Object.keys(SETTINGS) };

/** Of all commands, which only their table knows. */
export function completionOf(
  commands: readonly CommandDeclaration[],
): (session: Session) => Outcome {
  return (session) => {
    const shell = session.operand(0).toLowerCase();
    if (shell !== 'bash' && shell !== 'zsh') {
      throw session.wrong(`the shell must be bash or zsh, and not ${session.operand(0)}`);
    }
    const script = completionScript(shell, commands, OPERAND_WORDS);
    return done(script, { shell, script });
  };
}
