/** The proof of what a file holds: an index that leads elsewhere is found, though all counts and orders are right. */
import { expect, test } from 'vitest';
import { validateDefinition } from '../../src/microkernel/definition/file-rules.js';
import { checkContent } from '../../src/microkernel/files/check-content.js';
import { createDataFile } from '../../src/microkernel/files/create-file.js';
import { OpenFile } from '../../src/microkernel/files/open-file.js';
import { KEY_FLAG } from '../../src/microkernel/keys/key-definition.js';
import { PageCache } from '../../src/microkernel/page-cache.js';
import { SPACE } from '../../src/microkernel/pat.js';
import { HEADER_WORDS } from '../../src/microkernel/trees/index-page.js';
import { memoryPorts } from '../support/memory-view.js';

const PATH = '/d/a.dat';
const HOLDER = { log: new Uint8Array(16).fill(7), session: 1, root: '/root' };
const RECORD = 12;

function segment(offset: number, flags: number) {
  return { offset, length: 4, type: 14, flags: flags | KEY_FLAG.EXTENDED_TYPE, nullValue: 0 };
}

/** Ten records, with a unique key and one with duplicates. */
function tenRecords(): OpenFile {
  const ports = memoryPorts(1);
  const cache = new PageCache({ size: 1 << 20, poison: true });
  const definition = validateDefinition({
    recordLength: RECORD,
    pageSize: 1024,
    version: 0x90,
    flags: 0,
    keys: [
      { number: 0, segments: [segment(0, 0)] },
      { number: 1, segments: [segment(4, KEY_FLAG.DUPLICATES | KEY_FLAG.MODIFIABLE)] },
    ],
  });
  createDataFile(ports, cache, PATH, definition, { holder: HOLDER, replace: false });
  const file = OpenFile.open(ports, cache, PATH, { mode: 'write', holder: HOLDER });
  for (let n = 0; n < 10; n++) {
    const record = new Uint8Array(RECORD);
    record[0] = n;
    record[4] = 10 - n;
    file.data.insert(record, 0, RECORD);
    file.data.endOperation();
  }
  return file;
}

function findings({ data }: OpenFile): string[] {
  const found: string[] = [];
  checkContent(data, { finding: ({ reason, message }) => found.push(`${reason}: ${message}`) });
  return found;
}

test.each([0, 1])('two rows of key %i that lead to each other’s records', (number) => {
  const file = tenRecords();
  expect(findings(file)).toEqual([]);
  const { pages } = file.data;
  const tree = file.data.keys[number]?.tree;
  if (tree === undefined) throw new Error('there is no such key');
  expect(tree.first()).toBe(true);
  pages.prepare();
  const frame = pages.edit(SPACE.OTHER, tree.page);
  const { words } = pages.cache.slabOf(frame);
  const first = pages.cache.baseOf(frame) / 4 + HEADER_WORDS;
  const [one, other] = [first + tree.rowWords - 1, first + 2 * tree.rowWords - 1];
  [words[one], words[other]] = [words[other] ?? 0, words[one] ?? 0];
  pages.endOperation();
  const found = findings(file);
  expect(found).toHaveLength(2);
  for (const each of found)
    expect(each).toMatch(/^entry: the entry of key \d for address \d is not/);
  pages.abandon();
});
