/**
 * The new options of a command, `--name value`: yargs reads them, and writes the help. It is loaded only
 * where one of them stands on the command line.
 *
 * Invariant: every value is text as it was given; what it must be is said by whoever uses it.
 */
import {
  classicOptionsOf,
  longOptionsOf,
  usageOf,
  type CommandDeclaration,
  type LongOption,
} from './declaration.js';
import { UsageError } from './grammar.js';

/** Given options by name: text for those with a value, a list for those that may be repeated, true for switches. */
export type LongOptions = ReadonlyMap<string, string | true | readonly string[]>;

export interface ReadOptions {
  readonly options: LongOptions;
  /** The help text, if that was asked for. */
  readonly help: string | undefined;
}

/** What yargs says of a value that is none of those that there are. */
const WRONG_CHOICE = /^ ?Invalid values: Argument: (\S+), Given: "(.*)", Choices: (.*)$/;

function saidOfChoice(_: string, name: string, given: string, choices: string): string {
  return `--${name} must be one of ${choices.replaceAll('"', '')}, and not ${given}`;
}

/** Columns of the help text. */
const WIDTH = 100;

/** Reads the new options of a command. Throws `UsageError`. */
export async function readLongOptions(
  command: CommandDeclaration,
  words: readonly string[],
  platform: string,
): Promise<ReadOptions> {
  if (words.length === 0) return { options: new Map(), help: undefined };
  const { default: yargs } = await import('yargs');
  const declared = longOptionsOf(command);
  const parser = yargs()
    .scriptName('butil')
    .usage(`${usageOf(command, platform)}\n\n${command.summary}`)
    .parserConfiguration({
      'short-option-groups': false,
      'boolean-negation': false,
      'camel-case-expansion': false,
      'dot-notation': false,
      'duplicate-arguments-array': true,
      'parse-numbers': false,
      'parse-positional-numbers': false,
    })
    .options(Object.fromEntries(declared.map((option) => [option.name, describe(option)])))
    .epilogue(epilogue(command, platform))
    .wrap(WIDTH)
    .strict()
    .version(false)
    .help('help', 'says how the command is used')
    .exitProcess(false)
    .fail((text: string | null, error: Error | undefined) => {
      const reason = (text ?? 'wrong usage')
        .replaceAll(/\s+/g, ' ')
        .replace(WRONG_CHOICE, saidOfChoice);
      throw error ?? new UsageError(`butil -${command.name}: ${reason}`);
    });
  let help: string | undefined;
  const read = await parser.parseAsync([...words], {}, (_error, _read, output) => {
    if (output !== '') help = output;
  });
  return { options: collect(command, declared, read), help };
}

function describe({ describe: text, value, choices }: LongOption): {
  describe: string;
  type: 'string' | 'boolean';
  choices?: readonly string[];
} {
  return {
    describe: value === undefined ? text : `<${value}> ${text}`,
    type: value === undefined ? 'boolean' : 'string',
    ...(choices === undefined ? {} : { choices }),
  };
}

function collect(
  command: CommandDeclaration,
  declared: readonly LongOption[],
  read: Readonly<Record<string, unknown>>,
): LongOptions {
  const options = new Map<string, string | true | readonly string[]>();
  for (const { name, value, isRepeated = false } of declared) {
    const given = read[name];
    if (given === undefined || given === false) continue;
    if (isRepeated) {
      options.set(name, [given].flat().map(String));
      continue;
    }
    if (Array.isArray(given) && value !== undefined) {
      throw new UsageError(`butil -${command.name}: --${name} is given twice`);
    }
    if (value === undefined) options.set(name, true);
    else if (typeof given === 'string' && given !== '') options.set(name, given);
    else throw new UsageError(`butil -${command.name}: --${name} needs a value: ${value}`);
  }
  return options;
}

function epilogue(command: CommandDeclaration, platform: string): string {
  const mark = platform === 'win32' ? '/' : '-';
  const rows = (entries: readonly (readonly [string, string])[]): string[] => {
    const width = Math.max(0, ...entries.map(([name]) => name.length)) + 2;
    return entries.map(([name, text]) => `  ${name.padEnd(width)}${text}`);
  };
  const operands = command.operands.map(({ name, describe: text }) => [name, text] as const);
  const options = classicOptionsOf(command).map(
    ({ name, value, describe: text }) =>
      [`${mark}${name}${value === 'none' ? '' : '<value>'}`, text] as const,
  );
  return [
    ...(operands.length === 0 ? [] : ['Operands:', ...rows(operands), '']),
    'Classic options (in any case, the value without a blank):',
    ...rows(options),
    '',
    'There is no database security: user, password and database are accepted for the sake of old',
    'command lines, and nobody checks them.',
    ...(command.notes === undefined ? [] : ['', ...command.notes]),
    ...(command.examples === undefined
      ? []
      : ['', 'Examples:', ...command.examples.map((line) => `  ${line}`)]),
    '',
    'Exit codes: 0 done, 1 done with errors or findings, 2 not done, 3 wrong usage.',
  ].join('\n');
}
