/** The list of what no transcript can show, by its groups; and which texts of a group were not printed. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { spokenTexts } from './spoken-texts.js';

const HERE = fileURLToPath(new URL('.', import.meta.url));

export interface ListedGroup {
  /** The reason, without the marks of its lines. */
  readonly reason: string;
  /** `file: text`. */
  readonly lines: readonly string[];
}

export function listedGroups(): ListedGroup[] {
  const list = readFileSync(join(HERE, 'spoken-elsewhere.txt'), 'utf8');
  return list.split('\n\n').map((part) => {
    const lines = part.split('\n').filter((line) => line !== '');
    return {
      reason: lines.flatMap((line) => /^# (.*)/.exec(line)?.slice(1) ?? []).join(' '),
      lines: lines.filter((line) => !line.startsWith('#')),
    };
  });
}

/** The texts that a test file is to print by itself: those of the group that names it first. */
export function groupOf(testFile: string): readonly string[] {
  const group = listedGroups().find(({ reason }) => reason.includes(`: ${testFile}, which fails`));
  return group?.lines ?? [];
}

/** Which of them do not stand in what was printed. */
export function unprinted(lines: readonly string[], output: string): string[] {
  const patterns = new Map<string, RegExp>();
  for (const file of new Set(lines.map((line) => line.split(': ', 1)[0] ?? ''))) {
    const source = readFileSync(join(HERE, '../..', file), 'utf8');
    for (const { text, pattern } of spokenTexts(file, source)) {
      patterns.set(`${file}: ${JSON.stringify(text)}`, pattern);
    }
  }
  return lines.filter((line) => patterns.get(line)?.test(output) !== true);
}
