/**
 * Writes the table of `docs/settings.md` from the declarations in `src/settings.ts`, so that the document
 * cannot say anything else than the code.
 *
 *     npx tsx scripts/settings-docs.ts            brings the document up to date
 *     npx tsx scripts/settings-docs.ts --check    exits with 1 if it is not
 *
 * Invariant: nothing outside of the two comments that mark the table is touched.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { rangeOf, SETTINGS, type SettingDescription } from '../src/settings.js';

const DOCUMENT = fileURLToPath(new URL('../docs/settings.md', import.meta.url));

const BEGIN = '<!-- settings -->\n';
const END = '<!-- /settings -->\n';

const HEADINGS = ['setting', 'range', 'default', 'restart', 'meaning'];

/** These follow from the memory of the machine. */
const FROM_MEMORY: Readonly<Record<string, string>> = {
  logBufferSize: 'memory / 256, at most 8 MiB',
  transactionLogSize: 'twice `logBufferSize`’s',
};

function grouped(value: number): string {
  return String(value).replace(/\B(?=(?:\d{3})+$)/g, ',');
}

function range(description: SettingDescription): string {
  const { kind, least, most, steps } = description;
  if (kind === 'switch') return 'on, off';
  return kind === 'number' && steps === undefined
    ? `${grouped(least)} to ${grouped(most)}`
    : rangeOf(description);
}

function usual(name: string, { usual: value }: SettingDescription): string {
  const known = FROM_MEMORY[name];
  if (known !== undefined) return known;
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  if (typeof value === 'number') return grouped(value);
  return value === '' ? '-' : value;
}

function table(): string {
  const rows = Object.entries(SETTINGS).map(([name, description]) => {
    const { unit, needsRestart, text } = description;
    const meaning = unit === '' ? text : `${unit} ${text}`;
    const restart = needsRestart ? 'yes' : 'no';
    return [`\`${name}\``, range(description), usual(name, description), restart, meaning];
  });
  const widths = HEADINGS.map((heading, column) =>
    rows.reduce((width, cells) => Math.max(width, cells[column]?.length ?? 0), heading.length),
  );
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  return [line(HEADINGS), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join(
    '\n',
  );
}

/** The document with its table as the settings are declared. */
export function updateSettings(text: string): string {
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error('docs/settings.md has lost the marks of its table');
  return `${text.slice(0, begin)}${BEGIN}\n${table()}\n\n${text.slice(end)}`;
}

export function readDocument(): string {
  return readFileSync(DOCUMENT, 'utf8');
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const before = readDocument();
  const after = updateSettings(before);
  if (!process.argv.includes('--check')) writeFileSync(DOCUMENT, after);
  else if (after !== before) {
    console.error('docs/settings.md is not up to date: npx tsx scripts/settings-docs.ts');
    process.exitCode = 1;
  }
}
