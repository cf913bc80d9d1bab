/**
 * Which crash states need not be run, because the engine would do on them exactly what it did on one
 * that was. Used by all laboratories.
 *
 * The engine in a laboratory draws on nothing but its seed and the disk. So what it asks of the disk first
 * is always the same; what it asks next follows from the answers so far; and if a disk gives the same
 * answers as another one to all that was asked of that, to the end of the run, then the run on it would be
 * the same, and end in the same way. Asked are sectors of files (until the run has written them itself),
 * sizes, names and lists of names, also by the tests that look at what has come of it.
 *
 * No rule of the file format is believed for that: what counts is what was seen to be asked for, by
 * whichever build of the engine. It is a part of the whole, since pages that no generation maps are not
 * read by anyone, and most of what a crash leaves is such.
 *
 * What else a run depends on, beside the disk, is its `context`; what was expected of it is its outcome's,
 * and is looked at for each state.
 */
import type { InputTrace, Question, SimFileSystem } from '../support/sim-files.js';

/** So many questions are answered at once. */
const STEP = 16;

/** Runs that have asked the same, and got the same answers, so far. */
interface Junction<Outcome> {
  outcome: Outcome | undefined;
  /** What was asked next; by the text of it. */
  readonly ways: Map<string, Way<Outcome>>;
}

interface Way<Outcome> {
  readonly questions: readonly Question[];
  /** By a hash of the answers. */
  readonly ends: Map<number, Junction<Outcome>>;
}

function junction<Outcome>(): Junction<Outcome> {
  return { outcome: undefined, ways: new Map() };
}

export class KnownRuns<Outcome> {
  readonly #contexts = new Map<string, Junction<Outcome>>();
  /** How many have been added. */
  count = 0;

  /** What came of a run that would be the same on this disk, with which nothing was done yet. */
  find(context: string, disk: SimFileSystem): Outcome | undefined {
    const found = this.#contexts.get(context);
    return found === undefined ? undefined : follow(found, disk);
  }

  /**
   * A run is over, or a part of one: that in which so many questions were asked, from the one with the
   * number `from` on.
   */
  add(context: string, trace: InputTrace, outcome: Outcome, from = 0): void {
    let at = this.#contexts.get(context) ?? junction<Outcome>();
    this.#contexts.set(context, at);
    for (let begin = from; begin < trace.questions.length; begin += STEP) {
      const questions = trace.questions.slice(begin, begin + STEP);
      const text = questions.join();
      const way: Way<Outcome> = at.ways.get(text) ?? { questions, ends: new Map() };
      at.ways.set(text, way);
      const answers = trace.answers(questions);
      at = way.ends.get(answers) ?? junction<Outcome>();
      way.ends.set(answers, at);
    }
    at.outcome = outcome;
    this.count++;
  }
}

function follow<Outcome>(from: Junction<Outcome>, disk: SimFileSystem): Outcome | undefined {
  for (const { questions, ends } of from.ways.values()) {
    const next = ends.get(disk.answers(questions));
    const found = next === undefined ? undefined : follow(next, disk);
    if (found !== undefined) return found;
  }
  return from.outcome;
}
