/**
 * How a command of `butil` is declared: its operands and options, as data. The grammar, the help, the
 * dispatch and the reference are all made of these.
 */

/** An operand, in the order of the command line. */
export interface OperandDeclaration {
  /** As the manuals call it, for instance `sourceFile`. */
  readonly name: string;
  /**
   * `path`: whatever stands here is a path, even if it begins with a slash. `path-after-y`: one if the
   * operand before it was Y, else a word.
   */
  readonly kind: 'path' | 'word' | 'path-after-y';
  readonly isOptional?: boolean;
  /** The last one may stand there any number of times. */
  readonly isRepeated?: boolean;
  readonly describe: string;
}

/** An option of the classic spelling: `-Oname`, `/Oname`. */
export interface ClassicOption {
  /** In capitals, without its mark. */
  readonly name: string;
  /** Whether something is glued to it. */
  readonly value: 'none' | 'glued' | 'maybe';
  readonly describe: string;
}

/** An option of the new spelling: `--root directory`. */
export interface LongOption {
  readonly name: string;
  /** What its value is called; without one it is a switch. */
  readonly value?: string;
  readonly describe: string;
  readonly choices?: readonly string[];
  /** It may be given more than once. */
  readonly isRepeated?: boolean;
}

export interface CommandDeclaration {
  /** In lower case, without its mark. */
  readonly name: string;
  readonly summary: string;
  readonly operands: readonly OperandDeclaration[];
  /** What stands behind `--` is the command line of another program. */
  readonly runsCommand?: boolean;
  /** How many owner names it takes. */
  readonly owners: 0 | 1 | 2;
  readonly classic?: readonly ClassicOption[];
  readonly long?: readonly LongOption[];
  readonly examples?: readonly string[];
  /** More for its help, a line each. */
  readonly notes?: readonly string[];
  /** What stands behind the command in its usage, where that is not what follows from the rest. */
  readonly usage?: string;
  /** What it prints is for a program: without banner and closing line. */
  readonly isBare?: boolean;
  /** Which of the operands given are not to be shown. */
  readonly secrets?: (operands: readonly string[]) => readonly number[];
}

/** For every command. There is no database security, so these are accepted and mean nothing. */
export const SECURITY_OPTIONS: readonly ClassicOption[] = [
  { name: 'UID', value: 'glued', describe: 'user name of a database; not used' },
  { name: 'PWD', value: 'glued', describe: 'password of that user; not used' },
  { name: 'DB', value: 'glued', describe: 'name of a database; not used' },
];

/** For every command: once told NetWare not to stop at each screen. */
export const SCROLL_OPTION: ClassicOption = {
  name: 'S',
  value: 'none',
  describe: 'accepted and not needed: output does not stop at a full screen',
};

/** For commands on files that may have an owner name. */
export const OWNER_OPTIONS: readonly ClassicOption[] = [
  { name: 'O', value: 'maybe', describe: 'owner name; * asks for it' },
  { name: 'PROMPT', value: 'none', describe: 'asks for an owner name' },
];

/** For every command. */
export const COMMON_LONG: readonly LongOption[] = [
  { name: 'help', describe: 'says how a command is used' },
  { name: 'json', describe: 'the result as one JSON document on standard output' },
  { name: 'verbose', describe: 'more about what went wrong' },
  { name: 'root', value: 'directory', describe: 'root directory of the engine' },
  { name: 'wait', value: 'seconds', describe: 'how long to wait for a busy engine root; 10' },
];

export const OWNER_LONG: readonly LongOption[] = [
  { name: 'owner-file', value: 'file', describe: 'owner names, one a line' },
  { name: 'owner-stdin', describe: 'owner names from standard input, one a line' },
];

export const YES: LongOption = { name: 'yes', describe: 'replaces what is there without asking' };
export const DRY_RUN: LongOption = {
  name: 'dry-run',
  describe: 'says what would be done, and changes nothing',
};

/** Everything that may stand on the command line of a command. */
export function classicOptionsOf(command: CommandDeclaration): readonly ClassicOption[] {
  return [
    ...(command.owners > 0 ? OWNER_OPTIONS : []),
    ...(command.classic ?? []),
    ...SECURITY_OPTIONS,
    SCROLL_OPTION,
  ];
}

export function longOptionsOf(command: CommandDeclaration): readonly LongOption[] {
  return [...(command.long ?? []), ...(command.owners > 0 ? OWNER_LONG : []), ...COMMON_LONG];
}

/** For instance `butil -stat sourceFile [-O<owner|*>]`, in the spelling of the platform. */
export function usageOf(command: CommandDeclaration, platform: string): string {
  const mark = platform === 'win32' ? '/' : '-';
  if (command.usage !== undefined) return `butil -${command.name} ${command.usage}`;
  const operands = command.operands.map(({ name, isOptional = false, isRepeated = false }) => {
    const words = isRepeated ? `${name} ...` : name;
    return isOptional ? `[${words}]` : words;
  });
  const owners = ownerUsage(command.owners, mark);
  const own = (command.classic ?? []).map(({ name, value }) =>
    value === 'none' ? `[${mark}${name}]` : `[${mark}${name}<value>]`,
  );
  return ['butil', `-${command.name}`, ...operands, ...owners, ...own].join(' ');
}

function ownerUsage(owners: number, mark: string): string[] {
  if (owners === 0) return [];
  if (owners === 1) return [`[${mark}O<owner|*>]`];
  return [`[${mark}O<owner1|*> [${mark}O<owner2|*>]]`];
}
