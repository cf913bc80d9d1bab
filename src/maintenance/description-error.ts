/**
 * What is wrong with a description file: every finding with its place, the element and what should
 * have stood there.
 *
 * Invariant: there is at least one problem, they are in the order of the text, and no more than
 * `PROBLEM_LIMIT` of them.
 */
import type { Status } from '../microkernel/status.js';

/** A file that is no description file at all is not listed word by word. */
export const PROBLEM_LIMIT = 50;

/** A place in the text, both from 1. A column counts UTF-16 units; a tab is one. */
export interface TextPlace {
  readonly line: number;
  readonly column: number;
}

export interface DescriptionProblem extends TextPlace {
  /** The keyword that it is about, as it should be written; what stands there if it is none. */
  readonly element: string;
  readonly message: string;
  readonly expected: string;
  /** What stands there, shortened; undefined if something is missing. */
  readonly found?: string;
  /** The status by which Create would refuse it, if it is not the language that is broken. */
  readonly status?: Status;
}

/** A description file that describes nothing. The fields are those of its first problem. */
export class DescriptionError extends Error implements DescriptionProblem {
  readonly problems: readonly DescriptionProblem[];
  readonly line: number;
  readonly column: number;
  readonly element: string;
  readonly expected: string;
  declare readonly found?: string;
  declare readonly status?: Status;

  constructor(problems: readonly [DescriptionProblem, ...DescriptionProblem[]], cause?: unknown) {
    super(problems.map(problemText).join('\n'), cause === undefined ? undefined : { cause });
    const [first] = problems;
    this.name = 'DescriptionError';
    this.problems = problems;
    this.line = first.line;
    this.column = first.column;
    this.element = first.element;
    this.expected = first.expected;
    // Undefined fields would be printed with every stack.
    if (first.found !== undefined) this.found = first.found;
    if (first.status !== undefined) this.status = first.status;
  }
}

/** For instance `line 3, column 5: page: pages have no such size; expected 512 to 4096, found 700`. */
export function problemText(problem: DescriptionProblem): string {
  const { line, column, element, message, expected, found, status } = problem;
  const foundText = found === undefined ? '' : `, found ${found}`;
  const statusText = status === undefined ? '' : ` (status ${status})`;
  return `line ${line}, column ${column}: ${element}: ${message}; expected ${expected}${foundText}${statusText}`;
}
