/** `docs/events.md` lists every event that the sources write, as severe as they write it, and no other. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** Sources that have an event log at hand. */
const sources = readdirSync(`${ROOT}src`, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => readFileSync(`${ROOT}src/${name}`, 'utf8'))
  .filter((text) => text.includes('events.write('));

const ID = String.raw`'([a-z]+(?:-[a-z]+)*)'`;

/** In the ways in which they stand there: an object, a call, and a table of refusals. */
function written(text: string): string[] {
  const patterns = [
    String.raw`severity: '([IWE])',\s*id: ${ID}`,
    String.raw`[tT]ell\(\s*'([IWE])',\s*${ID}`,
    String.raw`#tell\((?!'[IWE]')()${ID},`,
    String.raw`\[Status\.\w+\]: ()'(file-[a-z-]+)'`,
    String.raw`'([IWE])', \w+\[\w+\.status\] \?\? ${ID}`,
  ];
  return patterns.flatMap((pattern) =>
    [...text.matchAll(new RegExp(pattern, 'g'))].map(
      ([, severity = '', id = '']) => `${id} ${severity}`,
    ),
  );
}

const listed = [
  ...readFileSync(`${ROOT}docs/events.md`, 'utf8').matchAll(/^\| `([a-z-]+)` +\| ([IWE]) +\|/gm),
].map(([, id = '', severity = '']) => `${id} ${severity}`);

function idOf(event: string): string {
  return event.split(' ')[0] ?? '';
}

test('every event is in the table, and in the sources', () => {
  const found = new Set(sources.flatMap(written).map(idOf));
  expect([...found].sort()).toEqual([...new Set(listed.map(idOf))].sort());
});

test('each is as severe as the table says', () => {
  const wrong = sources
    .flatMap(written)
    .filter((event) => !event.endsWith(' ') && !listed.includes(event));
  expect(wrong).toEqual([]);
});

test('each is there once, in the order of the alphabet', () => {
  const ids = listed.map(idOf);
  expect(ids).toEqual([...new Set(ids)].sort());
});

test('events are found in the ways in which they are written', () => {
  const text = [
    "events.write({ severity: 'I', id: 'a-b', fields, text });",
    "this.#tell('W', 'c-d', text);",
    "this.#tell('e-f', text);",
    "this.#tell(\n  'E',\n  'g-h',\n  text);",
    "this.#tell('W', REFUSALS[refusal.status] ?? 'i-j', text);",
    "[Status.DISKFULL]: 'file-k',",
  ].join('\n');
  expect(written(text).sort()).toEqual(['a-b I', 'c-d W', 'e-f ', 'file-k ', 'g-h E', 'i-j W']);
});
