/**
 * Writes the commands of `docs/butil.md` from their declarations in `bin/command-table.ts`, so that the
 * document cannot say anything else than `--help`.
 *
 *     npx tsx scripts/butil-docs.ts            brings the document up to date
 *     npx tsx scripts/butil-docs.ts --check    exits with 1 if it is not
 *
 * Invariant: nothing outside of the two comments that mark the commands is touched.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { COMMANDS, type CommandEntry } from '../bin/command-table.js';
import { OWNER_LONG, usageOf, type LongOption } from '../bin/declaration.js';

const DOCUMENT = fileURLToPath(new URL('../docs/butil.md', import.meta.url));

const BEGIN = '<!-- commands -->\n';
const END = '<!-- /commands -->\n';

/** Everything about a command, as its help has it; what all commands have stands elsewhere. */
function describe(command: CommandEntry): string {
  const usage = usageOf(command, 'linux');
  const examples = command.examples ?? [];
  const long = (command.long ?? []).filter((option) => !OWNER_LONG.includes(option));
  const items = [
    ...command.operands.map(({ name, describe: text }) => `- \`${name}\`: ${text}`),
    ...(command.classic ?? []).map(({ name, describe: text }) => `- \`-${name}\`: ${text}`),
    ...long.map((option) => `- \`${spelling(option)}\`: ${option.describe}`),
  ];
  const summary = `${command.summary.charAt(0).toUpperCase()}${command.summary.slice(1)}.`;
  return [
    `### ${command.name.toUpperCase()}`,
    '',
    [summary, ...(command.notes ?? [])].join('\n'),
    '',
    '```sh',
    usage,
    ...examples.map((line) => `# ${line}`),
    '```',
    ...(items.length === 0 ? [] : ['', ...items]),
  ].join('\n');
}

function spelling({ name, value }: LongOption): string {
  return value === undefined ? `--${name}` : `--${name} <${value}>`;
}

/** The document with its commands as they are declared. */
export function updateCommands(text: string): string {
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error('docs/butil.md has lost the marks of its commands');
  const commands = COMMANDS.map(describe).join('\n\n');
  return `${text.slice(0, begin)}${BEGIN}\n${commands}\n\n${text.slice(end)}`;
}

export function readDocument(): string {
  return readFileSync(DOCUMENT, 'utf8');
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const before = readDocument();
  const after = updateCommands(before);
  if (!process.argv.includes('--check')) writeFileSync(DOCUMENT, after);
  else if (after !== before) {
    console.error('docs/butil.md is not up to date: npx tsx scripts/butil-docs.ts');
    process.exitCode = 1;
  }
}
