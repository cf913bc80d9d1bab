/** Where the words of a command come from and where its output goes. */

/** By which a process is asked to end. */
export type InterruptSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP';

export interface Console {
  readonly platform: string;
  /** Text to standard output, and a line break. */
  readonly out: (text: string) => void;
  /** The same to standard error. */
  readonly err: (text: string) => void;
  /** Redraws one line on a terminal; undefined where there is none. */
  readonly progress?: (text: string) => void;
  /** Whether somebody can be asked. */
  readonly isInteractive?: boolean;
  /** Asks, and reads one line of the answer; a hidden one is not echoed. Undefined: no more input. */
  readonly ask?: (question: string, isHidden: boolean) => Promise<string | undefined>;
  /** All of standard input. */
  readonly readInput?: () => string;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Whether output may be coloured. */
  readonly hasColours?: boolean;
  /** Has somebody told when the user interrupts; returns what ends that. */
  readonly onInterrupt?: (told: (signal?: InterruptSignal) => void) => () => void;
  /** Milliseconds since some moment. */
  readonly now?: () => number;
}
