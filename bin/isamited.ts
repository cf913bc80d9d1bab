#!/usr/bin/env node
/**
 * `isamited`: the engine of a root as a process of its own, for programs that come and go.
 *
 * Exit codes as those of `butil`: 0 done, 1 `status` has found no engine, 2 not done, 3 usage.
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import {
  BtrieveError,
  connect,
  MicroKernel,
  version,
  type LoggedEvent,
  type RemoteClient,
  type TcpPlace,
} from '../src/index.js';
import type { Console } from './console.js';
import { chooseRoot, rootLetGo } from './engine-for-command.js';
import { daemonHelp } from './isamited-help.js';
import { EXIT, toJson, type Outcome } from './outcome.js';
import { readText, TextFileError } from './text-files.js';

const OPTIONS = {
  root: { type: 'string' },
  detach: { type: 'boolean' },
  wait: { type: 'string' },
  force: { type: 'boolean' },
  tcp: { type: 'string' },
  'token-file': { type: 'string' },
  'tls-key': { type: 'string' },
  'tls-cert': { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean' },
  version: { type: 'boolean' },
} as const;

const COMMANDS = ['run', 'status', 'stop'];
const WAIT = 10;
const WAIT_LIMIT = 86_400;

class UsageMistake extends Error {}

function parse(words: readonly string[]) {
  try {
    const { values, positionals } = parseArgs({
      ...{ args: [...words], options: OPTIONS, allowPositionals: true },
    });
    const [command = 'run', ...more] = positionals;
    if (!COMMANDS.includes(command)) throw new UsageMistake(`${command} is no command`);
    if (more.length > 0) throw new UsageMistake(`${more.join(' ')} is too much`);
    const wait = Number(values.wait ?? WAIT);
    if (!(wait >= 0 && wait <= WAIT_LIMIT)) {
      throw new UsageMistake(`--wait is a number of seconds from 0 to ${WAIT_LIMIT}`);
    }
    return { command, wait, values };
  } catch (error) {
    if (error instanceof TypeError) throw new UsageMistake(error.message);
    throw error;
  }
}

type Given = ReturnType<typeof parse>;

const terminal: Console = {
  platform: process.platform,
  environment: process.env,
  out: (text) => process.stdout.write(`${text}\n`),
  err: (text) => process.stderr.write(`${text}\n`),
};

function tcpPlace({ values }: Given): TcpPlace | undefined {
  const { tcp, 'tls-key': key = '', 'tls-cert': cert = '', 'token-file': file } = values;
  if (tcp === undefined) return undefined;
  const at = tcp.lastIndexOf(':');
  // An address of IPv6 stands in brackets as a rule.
  const host = at < 0 ? '127.0.0.1' : tcp.slice(0, at).replace(/^\[(.*)\]$/, '$1');
  const port = Number(tcp.slice(at + 1));
  if (!(Number.isInteger(port) && port >= 0 && port <= 65_535)) {
    throw new UsageMistake(`--tcp: ${tcp} is no [host:]port`);
  }
  const token = file === undefined ? '' : readText('the token file', file).trim();
  return { host, port, token, key, cert };
}

/** Runs until it is stopped. What it has to say comes first. */
async function run(given: Given, root: string): Promise<Outcome> {
  let stopped: () => void = () => undefined;
  const end = new Promise<void>((resolve) => (stopped = resolve));
  const tcp = tcpPlace(given);
  const engine = MicroKernel.start({
    ...{ root, settings: { requester: true }, onStopped: () => stopped() },
    ...(tcp !== undefined && { tcp }),
  });
  // Nothing else keeps the process alive.
  const timer = setInterval(() => undefined, 2 ** 30);
  let failure: Error | undefined;
  const stop = (): void => {
    try {
      engine.stop();
    } catch (error) {
      failure = error instanceof Error ? error : new Error(String(error));
      engine.stopQuietly();
    }
  };
  process.on('SIGTERM', stop).on('SIGINT', stop);
  if (!engine.waitForRequester(given.wait * 1000)) {
    const why = whyNotServed(engine) ?? `see ${root}/event.log.`;
    stop();
    clearInterval(timer);
    return notDone('not-served', `isamited: nobody can connect: ${why}`, { root });
  }
  if (given.values.json !== true) {
    terminal.out(`isamited: the engine of ${root} runs in process ${process.pid}.`);
  }
  await end;
  clearInterval(timer);
  if (failure !== undefined) throw failure;
  return done(`isamited: the engine of ${root} was stopped.`, { root, pid: process.pid });
}

/** What the engine has said of it since its start. */
function whyNotServed(engine: MicroKernel): string | undefined {
  const events = engine.administer('events', { last: 5 }) as readonly LoggedEvent[];
  return events.findLast(({ id, pid }) => id === 'requester-failed' && pid === process.pid)?.text;
}

/** Runs in the background; returns when somebody can connect. */
async function detach(given: Given, root: string): Promise<Outcome> {
  const { wait, values } = given;
  const own = fileURLToPath(import.meta.url);
  const handed = (['tcp', 'token-file', 'tls-key', 'tls-cert'] as const).flatMap((name) => {
    const value = values[name];
    return value === undefined ? [] : [`--${name}`, value];
  });
  const child = spawn(process.execPath, [...process.execArgv, own, '--root', root, ...handed], {
    ...{ detached: true, stdio: ['ignore', 'ignore', 'pipe'] },
  });
  let text = '';
  child.stderr.on('data', (bytes: Buffer) => (text += bytes.toString()));
  const isGone = new AbortController();
  const ended = new Promise<undefined>((resolve) => {
    child.once('exit', () => {
      isGone.abort();
      resolve(undefined);
    });
  });
  const found = await Promise.race([ended, reachChild(root, wait, child.pid, isGone.signal)]);
  child.stderr.destroy();
  child.unref();
  if (found !== undefined) {
    return done(`The engine of ${root} runs in process ${found}.`, { root, pid: found });
  }
  const why = text.trim() === '' ? `see ${root}/event.log.` : text.trim();
  return notDone('not-started', `The engine was not started: ${why}`, { root });
}

const PAUSE_MS = 50;

/** The process of the engine, once it answers; undefined if it has not in time. */
async function reachChild(
  root: string,
  wait: number,
  pid: number | undefined,
  isGone: AbortSignal,
): Promise<number | undefined> {
  const until = Date.now() + wait * 1000;
  while (Date.now() < until && !isGone.aborted) {
    try {
      const client = await connect({ root, name: 'isamited', timeoutMs: wait * 1000 });
      const { pid: found } = client;
      await client.close();
      if (found === pid) return found;
    } catch (error) {
      if (!(error instanceof BtrieveError)) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  return undefined;
}

async function status({ wait }: Given, root: string): Promise<Outcome> {
  const client = await reach(root, wait);
  if (client === undefined) {
    const text = `No engine runs on ${root}.`;
    return { exitCode: EXIT.FINDINGS, reason: 'no-engine', result: { root }, text };
  }
  try {
    const statistics = (await client.administer('statistics')) as { files: unknown[] };
    const requester = (await client.administer('requester')) as { sessions: number };
    const { pid } = client;
    const { files } = statistics;
    const text =
      `An engine runs on ${root}, in process ${pid}: ` +
      `${requester.sessions - 1} clients of other processes, ${files.length} open files.`;
    return done(text, { root, pid, statistics, requester });
  } finally {
    await client.close();
  }
}

async function stop({ wait, values }: Given, root: string): Promise<Outcome> {
  const client = await reach(root, wait);
  if (client === undefined) return done(`No engine runs on ${root}.`, { root });
  const { pid } = client;
  try {
    await client.administer('stop', { force: values.force === true });
    await client.ended;
    await rootLetGo(root);
    return done(`The engine of ${root} was stopped (process ${pid}).`, { root, pid });
  } finally {
    await client.close();
  }
}

/** Undefined if no engine runs. */
async function reach(root: string, wait: number): Promise<RemoteClient | undefined> {
  try {
    return await connect({ root, name: 'isamited', timeoutMs: wait * 1000 });
  } catch (error) {
    if (isNoEngine(error)) return undefined;
    throw error;
  }
}

function isNoEngine(error: unknown): boolean {
  return error instanceof BtrieveError && error.reason === 'no-engine';
}

function done(text: string, result: unknown): Outcome {
  return { exitCode: EXIT.DONE, reason: 'done', result, text };
}

function notDone(reason: string, text: string, result: unknown, status = 0): Outcome {
  return { exitCode: EXIT.NOT_DONE, reason, status, result, text };
}

function failed(error: unknown): Outcome {
  if (!(error instanceof Error)) throw error;
  if (error instanceof UsageMistake) {
    const text = `isamited: ${error.message}\n\nisamited --help says more.`;
    return { exitCode: EXIT.USAGE, reason: 'usage', result: { message: error.message }, text };
  }
  const { message } = error;
  if (error instanceof TextFileError) return notDone('file', `isamited: ${message}`, { message });
  if (!(error instanceof BtrieveError)) throw error;
  return notDone(error.reason ?? 'failed', `isamited: ${message}`, { message }, error.status);
}

async function execute(given: Given): Promise<Outcome> {
  const { root } = chooseRoot(given.values.root, terminal);
  if (given.command === 'status') return status(given, root);
  if (given.command === 'stop') return stop(given, root);
  return given.values.detach === true ? detach(given, root) : run(given, root);
}

async function main(words: readonly string[]): Promise<number> {
  let command = '';
  let outcome: Outcome;
  try {
    const given = parse(words);
    ({ command } = given);
    if (given.values.help === true || given.values.version === true) {
      terminal.out(given.values.help === true ? daemonHelp(version) : version);
      return EXIT.DONE;
    }
    outcome = await execute(given);
  } catch (error) {
    outcome = failed(error);
  }
  const isJson = words.includes('--json');
  const isWell = outcome.exitCode <= EXIT.FINDINGS;
  if (isJson) terminal.out(toJson(command, outcome));
  else if (outcome.text !== '') (isWell ? terminal.out : terminal.err)(outcome.text);
  return outcome.exitCode;
}

process.exitCode = await main(process.argv.slice(2));
