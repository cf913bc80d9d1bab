/**
 * How a long step is followed: a line that is redrawn on a terminal, with rate and time left, and an end
 * when the user interrupts. In a pipe nothing is drawn.
 */
import type { Console } from './console.js';
import { grouped } from './messages.js';

/** How far a step is, and of how much if that is known. */
export interface Progress {
  readonly done: number;
  readonly total: number | undefined;
  /** What is counted, for instance `records`. */
  readonly unit: string;
}

/** A step that goes on each time it is asked to; `return` ends it early and takes back what is half done. */
export type Step<R> = Generator<Progress, R, void>;

/** The user has interrupted the command. */
export class Interrupted extends Error {}

/** So often, in milliseconds, the line is drawn and the user heard. */
const INTERVAL = 100;

/** Runs a step to its end. Throws `Interrupted`, after the step has taken back what it had half done. */
export async function follow<R>(console: Console, label: string, step: Step<R>): Promise<R> {
  const now = console.now ?? (() => performance.now());
  const user = { hasInterrupted: false };
  const stopListening = console.onInterrupt?.(() => (user.hasInterrupted = true));
  const line = new ProgressLine(console, label, now());
  let looked = now();
  try {
    for (;;) {
      const { done, value } = step.next();
      if (done === true) return value;
      const time = now();
      if (time - looked < INTERVAL) continue;
      looked = time;
      line.draw(value, time);
      // Signals are delivered between turns only.
      await nextTurn();
      if (user.hasInterrupted) throw new Interrupted(`${label} was interrupted`);
    }
  } finally {
    // Of a step that has ended this does nothing.
    step.return(undefined as R);
    stopListening?.();
    line.clear();
  }
}

/** How far a step of an engine elsewhere is; undefined if what it says is nothing of the kind. */
export function progressIn(step: unknown): Progress | undefined {
  if (typeof step !== 'object' || step === null) return undefined;
  const { done, total, unit } = step as Record<string, unknown>;
  const isSound = typeof done === 'number' && (total === undefined || typeof total === 'number');
  return isSound ? { done, total, unit: typeof unit === 'string' ? unit : 'steps' } : undefined;
}

function nextTurn(): Promise<void> {
  // With one, nothing may be looked at between the end of what runs now and its call.
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
}

export class ProgressLine {
  readonly #console: Console;
  readonly #label: string;
  readonly #begin: number;
  #isDrawn = false;

  /** `begin`: the time in milliseconds. */
  constructor(console: Console, label: string, begin: number) {
    this.#console = console;
    this.#label = label;
    this.#begin = begin;
  }

  draw(progress: Progress, now: number): void {
    if (this.#console.progress === undefined) return;
    this.#isDrawn = true;
    this.#console.progress(`${this.#label}: ${describe(progress, now - this.#begin)}`);
  }

  clear(): void {
    if (this.#isDrawn) this.#console.progress?.('');
    this.#isDrawn = false;
  }
}

/** For instance `45 %, 450,000 of 1,000,000 records, 300,000/s, 0:02 left`. */
function describe({ done, total, unit }: Progress, elapsed: number): string {
  const rate = elapsed > 0 ? (done / elapsed) * 1000 : 0;
  const speed = rate > 0 ? `, ${grouped(rate)}/s` : '';
  if (total === undefined || total <= 0) return `${grouped(done)} ${unit}${speed}`;
  const percent = Math.min(100, Math.floor((done / total) * 100));
  const left = rate > 0 ? `, ${clock((total - done) / rate)} left` : '';
  return `${percent} %, ${grouped(done)} of ${grouped(total)} ${unit}${speed}${left}`;
}

function clock(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const rest = String(whole % 60).padStart(2, '0');
  return hours === 0
    ? `${minutes}:${rest}`
    : `${hours}:${String(minutes).padStart(2, '0')}:${rest}`;
}
