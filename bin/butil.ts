#!/usr/bin/env node
/** `butil`, the maintenance utility, as a process. */
import { butil, type Console } from './command-line.js';

function terminal(): Console {
  const { stderr, stdout } = process;
  const onTerminal = stderr.isTTY && stdout.isTTY;
  return {
    platform: process.platform,
    out: (text) => stdout.write(`${text}\n`),
    err: (text) => stderr.write(`${text}\n`),
    ...(onTerminal && { progress: (text: string) => void stderr.write(`\r\u001b[K${text}`) }),
  };
}

process.exitCode = await butil(process.argv.slice(2), terminal());
