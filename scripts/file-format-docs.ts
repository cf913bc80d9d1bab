/**
 * Writes the tables of `docs/file-format.md` from the declarations in `src/microkernel/layout.ts`,
 * `src/microkernel/change-list.ts`, `src/logging/log-layout.ts` and `src/archival/archive-layout.ts`, so that the document cannot say anything else than the code.
 *
 *     npx tsx scripts/file-format-docs.ts            brings the tables up to date
 *     npx tsx scripts/file-format-docs.ts --check    exits with 1 if they are not
 *
 * A table stands between two comments that bear the name of its layout:
 *
 *     <!-- table: FCR -->
 *     <!-- /table -->
 *
 * Invariants: nothing outside such a pair is touched; every layout has its table, once. The tables
 * are laid out as Prettier would, since it checks the document too.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import {
  ARCHIVE_CHANGES,
  ARCHIVE_CLIENT,
  ARCHIVE_CUT,
  ARCHIVE_FRAME,
  ARCHIVE_GAP,
  ARCHIVE_HEAD,
  ARCHIVE_MARK,
  ARCHIVE_OWNER,
  ARCHIVE_PARTICIPANT,
  ARCHIVE_STEPS,
  ARCHIVE_STRUCTURE,
} from '../src/archival/archive-layout.js';
import {
  CLIENT_RECORD,
  FILE_RECORD,
  FRAME_HEAD,
  PART_RECORD,
  SEGMENT_HEAD,
  TRANSACTION_RECORD,
} from '../src/logging/log-layout.js';
import { CHANGE_HEAD, CHANGE_PIECE } from '../src/microkernel/change-list.js';
import { describeLayout, type Layout } from '../src/microkernel/layout-table.js';
import { LAYOUTS } from '../src/microkernel/layout.js';

const DOCUMENT = fileURLToPath(new URL('../docs/file-format.md', import.meta.url));

const ALL_LAYOUTS: Readonly<Record<string, Layout>> = {
  ...LAYOUTS,
  SEGMENT_HEAD,
  FRAME_HEAD,
  FILE_RECORD,
  CLIENT_RECORD,
  TRANSACTION_RECORD,
  PART_RECORD,
  CHANGE_HEAD,
  CHANGE_PIECE,
  ARCHIVE_HEAD,
  ARCHIVE_FRAME,
  ARCHIVE_CLIENT,
  ARCHIVE_OWNER,
  ARCHIVE_CHANGES,
  ARCHIVE_PARTICIPANT,
  ARCHIVE_STEPS,
  ARCHIVE_GAP,
  ARCHIVE_STRUCTURE,
  ARCHIVE_MARK,
  ARCHIVE_CUT,
};

const BEGIN = /^<!-- table: (\S+) -->$/;
const END = '<!-- /table -->';

const HEADINGS = ['offset', 'bytes', 'field', 'meaning'] as const;
/** How many of the columns are numbers. */
const NUMBER_COLUMNS = 2;

/** A row of cells, padded to the widths given; numbers to the right. */
function row(cells: readonly string[], widths: readonly number[]): string {
  const padded = cells.map((cell, column) => {
    const width = widths[column] ?? 0;
    return column < NUMBER_COLUMNS ? cell.padStart(width) : cell.padEnd(width);
  });
  return `| ${padded.join(' | ')} |`;
}

/** A layout as a Markdown table; its last row is the offset at which it ends. */
export function renderTable(layout: Layout): string {
  const rows = describeLayout(layout).map(({ name, at, width, text }) => [
    `${at}`,
    `${width}`,
    `\`${name}\``,
    text.replaceAll('|', '\\|'),
  ]);
  rows.push([`${layout.size}`, '', '', 'end']);
  const widths = HEADINGS.map((heading, column) =>
    rows.reduce((width, cells) => Math.max(width, cells[column]?.length ?? 0), heading.length),
  );
  const rule = widths.map((width, column) =>
    column < NUMBER_COLUMNS ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width),
  );
  return [row(HEADINGS, widths), row(rule, widths), ...rows.map((r) => row(r, widths))].join('\n');
}

/** The document with all its tables as they must be. Throws if one of them is missing or too many. */
export function updateTables(
  document: string,
  layouts: Readonly<Record<string, Layout>> = ALL_LAYOUTS,
): string {
  const missing = new Map(Object.entries(layouts));
  const lines: string[] = [];
  let open: string | undefined;
  for (const line of document.split('\n')) {
    const name = BEGIN.exec(line)?.[1];
    if (name !== undefined) {
      if (open !== undefined) throw new Error(`The table ${open} has no closing comment.`);
      const layout = missing.get(name);
      if (layout === undefined) throw new Error(`The table ${name} is unknown or not the first.`);
      missing.delete(name);
      open = name;
      lines.push(line, '', renderTable(layout), '');
    } else if (line === END) {
      if (open === undefined) throw new Error('A closing comment has no table.');
      open = undefined;
      lines.push(line);
    } else if (open === undefined) {
      lines.push(line);
    }
  }
  if (open !== undefined) throw new Error(`The table ${open} has no closing comment.`);
  const [absent] = missing.keys();
  if (absent !== undefined) throw new Error(`The layout ${absent} has no table.`);
  return lines.join('\n');
}

/** The document as it stands. */
export function readDocument(): string {
  return readFileSync(DOCUMENT, 'utf8');
}

function main(args: readonly string[]): void {
  const document = readDocument();
  const updated = updateTables(document);
  if (updated === document) return;
  if (args.includes('--check')) {
    console.error('docs/file-format.md is not current: run npx tsx scripts/file-format-docs.ts');
    process.exitCode = 1;
  } else {
    writeFileSync(DOCUMENT, updated);
  }
}

if (pathToFileURL(process.argv[1] ?? '').href === import.meta.url) main(process.argv.slice(2));
