/** How `isamited` is used, as data: its help, what its command line may hold, and its manual page. */

interface Described {
  readonly name: string;
  /** What the value of an option is called; without one it is a switch. */
  readonly value?: string;
  readonly describe: string;
}

export const DAEMON_SUMMARY = 'the engine of a root as a process of its own';

export const DAEMON_USAGE = 'isamited [run | status | stop] [--root directory] [options]';

export const DAEMON_COMMANDS: readonly Described[] = [
  {
    name: 'run',
    describe: 'runs until it is told to stop, by SIGTERM, SIGINT or isamited stop; the default',
  },
  {
    name: 'status',
    describe: 'says whether an engine runs on the root, in which process, and what it is doing',
  },
  { name: 'stop', describe: 'stops it; what was changed is on disk then' },
];

export const DAEMON_OPTIONS = [
  {
    name: 'root',
    value: 'directory',
    describe: "of the engine; else ISAMITE_ROOT, ACTIANZEN_ROOT, or the user's own",
  },
  { name: 'detach', describe: 'run: in the background; returns when clients can connect' },
  { name: 'wait', value: 'seconds', describe: 'until the engine must have answered; 10' },
  { name: 'force', describe: 'stop: also an engine that a program runs for itself' },
  {
    name: 'tcp',
    value: '[host:]port',
    describe: 'run: for clients on other machines too; without host: 127.0.0.1',
  },
  { name: 'token-file', value: 'file', describe: 'the token that they must know' },
  {
    name: 'tls-key',
    value: 'file',
    describe: 'the key (PEM); needed for a host that is not this machine',
  },
  { name: 'tls-cert', value: 'file', describe: 'the certificate (PEM) for it' },
  { name: 'json', describe: 'one JSON document on standard output' },
  { name: 'help', describe: 'says how it is used' },
  { name: 'version', describe: 'says which version it is' },
] as const satisfies readonly Described[];

function rows(entries: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...entries.map(([name]) => name.length)) + 2;
  return entries.map(([name, text]) => `  ${name.padEnd(width)}${text}`);
}

/** `--root directory`. */
export function daemonOption({ name, value }: Described): string {
  return value === undefined ? `--${name}` : `--${name} ${value}`;
}

export function daemonHelp(version: string): string {
  return [
    `isamited ${version}: ${DAEMON_SUMMARY}`,
    '',
    `Usage: ${DAEMON_USAGE}`,
    '',
    ...rows(DAEMON_COMMANDS.map(({ name, describe }) => [name, describe] as const)),
    '',
    ...rows(DAEMON_OPTIONS.map((option) => [daemonOption(option), option.describe] as const)),
  ].join('\n');
}
