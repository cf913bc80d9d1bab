/** `butil -config`: the settings of an engine root, looked at and changed. No engine is needed. */
import {
  BtrieveError,
  changeRootSettings,
  parseSetting,
  rangeOf,
  readRootSettings,
  settingNamed,
  SETTINGS,
  Status,
  type ChangedSettings,
  type RootSettings,
  type Settings,
  type SettingsChange,
} from '../../src/index.js';
import { chooseRoot } from '../engine-for-command.js';
import { done, type Outcome } from '../outcome.js';
import type { Session } from '../session.js';

export async function command(session: Session): Promise<Outcome> {
  const { root } = chooseRoot(session.value('root'), session.console);
  const what = session.optional(0)?.toLowerCase() ?? 'list';
  const words = session.rest(1);
  switch (what) {
    case 'list':
      if (words.length > 0) throw session.wrong(`list takes nothing more: ${words.join(' ')}`);
      return list(root);
    case 'get':
      return get(session, root, words);
    case 'set':
      return set(session, root, words);
    case 'unset':
      return unset(session, root, words);
    default:
      throw session.wrong(`${what} is none of list, get, set and unset`);
  }
}

const NAMES = Object.keys(SETTINGS) as (keyof Settings)[];

/** All that is known of a setting, for programs. */
function describe(name: keyof Settings, { stored, settings }: RootSettings) {
  const { kind, usual, unit, needsRestart, text } = SETTINGS[name];
  const range = rangeOf(SETTINGS[name]);
  const isStored = stored[name] !== undefined;
  const value = settings[name];
  return { name, value, isStored, default: usual, kind, range, unit, needsRestart, text };
}

function list(root: string): Outcome {
  const found = readRootSettings({ root });
  const settings = NAMES.map((name) => describe(name, found));
  const width = Math.max(...NAMES.map(({ length }) => length));
  const lines = settings.map(({ name, value, isStored, unit, range, needsRestart }) =>
    [
      `${name.padEnd(width)} = ${shown(value)}${unit === '' ? '' : ` ${unit}`}`,
      `${' '.repeat(width + 3)}${isStored ? 'set' : 'default'}; ${range}${needsRestart ? '; restart' : ''}`,
    ].join('\n'),
  );
  const { file, isRunning } = found;
  const text = [`Settings of ${root} (${file})`, '', ...lines, '', running(root, isRunning)];
  return done(text.join('\n'), { root, file, isRunning, settings });
}

function shown(value: number | boolean | string): string {
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  return value === '' ? '(none)' : String(value);
}

function running(root: string, isRunning: boolean): string {
  return isRunning ? `An engine is running at ${root}.` : `No engine is running at ${root}.`;
}

function get(session: Session, root: string, words: readonly string[]): Outcome {
  const [given, ...more] = words;
  if (given === undefined || more.length > 0)
    throw session.wrong('get needs the name of a setting');
  const name = settingNamed(given);
  const found = readRootSettings({ root });
  const description = describe(name, found);
  return done(shown(description.value), { root, file: found.file, ...description });
}

async function set(session: Session, root: string, words: readonly string[]): Promise<Outcome> {
  if (words.length === 0) throw session.wrong('set needs name=value');
  const entries = words.map((word) => {
    const at = word.indexOf('=');
    if (at <= 0) throw session.wrong(`set needs name=value, and not ${word}`);
    const name = settingNamed(word.slice(0, at));
    return [name, parseSetting(name, word.slice(at + 1))] as const;
  });
  const names = entries.map(([name]) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw session.wrong(`${twice} is given twice`);
  return change(session, root, { set: Object.fromEntries(entries) });
}

/**
 * First the engine that runs already takes over what needs no restart, since it may refuse; what is wrong with
 * the file was found before.
 */
async function change(session: Session, root: string, wanted: SettingsChange): Promise<Outcome> {
  const plan = changeRootSettings({ root }, wanted, true);
  if (session.dryRun) return told(session, root, plan);
  const { set = {}, unset = [] } = wanted;
  const now = NAMES.filter((name) => name in set || unset.includes(name)).filter(
    (name) => !SETTINGS[name].needsRestart,
  );
  const values = Object.fromEntries(now.map((name) => [name, plan.settings[name]]));
  const isApplied = now.length > 0 && (await apply(session, values));
  return told(session, root, changeRootSettings({ root }, wanted), isApplied);
}

/** Milliseconds until an engine is asked again that has clients in transactions. */
const RETRY = 20;

/** False if no engine runs. Logging is not switched inside of transactions, so it waits for a moment without any. */
async function apply(
  session: Session,
  values: Readonly<Record<string, unknown>>,
): Promise<boolean> {
  const until = Date.now() + session.wait * 1000;
  const running = await session.running();
  while (running !== undefined) {
    try {
      await running.administer('configure', values);
      return true;
    } catch (error) {
      const isBusy = error instanceof BtrieveError && error.status === Status.TRANSACTION_IS_ACTIVE;
      if (!isBusy || Date.now() >= until) throw error;
      await new Promise((resolve) => setTimeout(resolve, RETRY));
    }
  }
  return false;
}

/** Takes any name: the file may have one that is no setting. */
function unset(session: Session, root: string, words: readonly string[]): Promise<Outcome> {
  if (words.length === 0) throw session.wrong('unset needs the name of a setting');
  const names = words.map(
    (word) => NAMES.find((name) => name.toLowerCase() === word.toLowerCase()) ?? word,
  );
  return change(session, root, { unset: names });
}

function told(session: Session, root: string, result: ChangedSettings, isApplied = false): Outcome {
  const { dryRun } = session;
  const { file, isRunning, notes } = result;
  const changed = result.changed.map((each) => ({
    ...each,
    needsRestart: SETTINGS[each.name].needsRestart,
  }));
  const lines = changed.map(
    ({ name, from, to }) => `${name}: ${shown(to)}${dryRun ? ' (now ' : ' (was '}${shown(from)})`,
  );
  if (changed.length === 0) lines.push(`Nothing ${dryRun ? 'would change' : 'has changed'}.`);
  if (dryRun) lines.push('Nothing was written.');
  lines.push(isApplied ? APPLIED : effect(root, isRunning));
  return done(lines.join('\n'), { root, file, dryRun, isRunning, isApplied, changed }, notes);
}

const APPLIED =
  'The engine that is running has taken over those that need no restart; others when it is started again.';

function effect(root: string, isRunning: boolean): string {
  if (!isRunning) return `${running(root, false)} The next one that is started has these settings.`;
  return (
    `${running(root, true)} It reads its settings when it is started: stop it and start it ` +
    'again. (A program can change those that need no restart in its own engine: configure.)'
  );
}
