#!/usr/bin/env node
/** `butil`, the maintenance utility, as a process. */
import { isatty } from 'node:tty';
import { butil, type Console } from './command-line.js';
import { ask, outputOf, progressLine, readAll } from './terminal.js';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

function terminal(): Console {
  const { env, platform, stderr, stdout } = process;
  const { mayDraw, mayEscape } = outputOf(env);
  const drawn = isatty(2) && mayDraw ? progressLine(stderr, mayEscape) : undefined;
  return {
    platform,
    environment: env,
    out: (text) => stdout.write(`${text}\n`),
    err: (text) => stderr.write(`${text}\n`),
    isInteractive: isatty(0) && isatty(2),
    hasColours: isatty(1) && mayEscape,
    ...(drawn !== undefined && { progress: drawn }),
    ask,
    readInput: readAll,
    onInterrupt: (told) => {
      for (const signal of SIGNALS) process.on(signal, told);
      return () => {
        for (const signal of SIGNALS) process.off(signal, told);
      };
    },
  };
}

// Who reads the output may have seen enough.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

try {
  process.exitCode = await butil(process.argv.slice(2), terminal());
} catch (error) {
  // A bug, not a failure: its stack is what is wanted.
  process.stderr.write(
    `${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  );
  process.exitCode = 2;
}
