/** What a command comes to: exit code, the document for `--json`, the text for people. */

/** 0 done · 1 done, with errors or findings · 2 not done · 3 wrong usage. */
export const EXIT = Object.freeze({ DONE: 0, FINDINGS: 1, NOT_DONE: 2, USAGE: 3 });

export interface Outcome {
  readonly exitCode: number;
  /** Stable word, finer than the exit code. */
  readonly reason: string;
  /** Status of the engine, 0 if it has nothing to complain of. */
  readonly status?: number;
  readonly result: unknown;
  /** Lines for people. */
  readonly text: string;
  readonly warnings?: readonly string[];
}

/** A command that has done what it was asked for. */
export function done(text: string, result: unknown, warnings: readonly string[] = []): Outcome {
  return { exitCode: EXIT.DONE, reason: 'done', result, text, warnings };
}

/** The same, with findings if a change to the source was not completed: what was made has it in part or not at all. */
export function ofSource(outcome: Outcome, isUnfinished: boolean): Outcome {
  if (!isUnfinished || outcome.exitCode !== EXIT.DONE) return outcome;
  return { ...outcome, exitCode: EXIT.FINDINGS, reason: 'unfinished-change' };
}

/** The one document that `--json` puts on standard output. */
export function toJson(command: string, outcome: Outcome): string {
  const { exitCode, reason, status = 0, result, warnings = [] } = outcome;
  const document = { command, exitCode, status, reason, result, warnings };
  return JSON.stringify(document, undefined, 2);
}
