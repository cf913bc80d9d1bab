/** `butil -dump`: one page of a file. */
import { resolve } from 'node:path';
import { dumpingPage, type PageChoice, type PageDump } from '../../src/index.js';
import { EXIT, type Outcome } from '../outcome.js';
import type { Step } from '../progress.js';
import type { Session } from '../session.js';

const ROW = 16;

/** Its bytes come in Base64. */
type PageFromEngine = Omit<PageDump, 'bytes'> & { readonly bytes: string };

export async function command(session: Session): Promise<Outcome> {
  const file = session.operand(0);
  const choice = choiceOf(session, pageWord(session));
  const owner = await session.owner(0, file);
  const read = await session.below<PageDump | PageFromEngine>(
    [file],
    'dumpPage',
    { ...choice, file: resolve(file), owner },
    'Reading',
    (): Step<PageDump> => dumpingPage(file, choice, owner),
  );
  const { bytes: given, ...rest } = read;
  const bytes = typeof given === 'string' ? Buffer.from(given, 'base64') : given;
  const dump = { ...rest, bytes };
  const hex = Buffer.from(bytes).toString('hex');
  return {
    exitCode: dump.isSound ? EXIT.DONE : EXIT.FINDINGS,
    reason: dump.isSound ? 'done' : 'damaged',
    result: { file, ...rest, bytes: hex },
    text: describe(file, dump),
  };
}

/** `-dump file 7` and `-dump file page 7` are the same. */
function pageWord(session: Session): string {
  const [first, second] = [session.operand(1), session.optional(2)];
  const isNamed = first.toLowerCase() === 'page';
  if (isNamed && second === undefined) throw session.wrong('the number of the page is missing');
  if (!isNamed && second !== undefined) {
    throw session.wrong(`${second}: there is nothing more to be given`);
  }
  return second ?? first;
}

function choiceOf(session: Session, word: string): PageChoice {
  const [, letter = '', digits = ''] = /^([do]?)(\d{1,10})$/i.exec(word) ?? [];
  if (digits === '') throw session.wrong(`page must be a number, or one behind d or o: ${word}`);
  const page = Number(digits);
  if (letter === '') return { physical: page };
  return { space: letter.toLowerCase() === 'd' ? 'data' : 'other', page };
}

function describe(
  file: string,
  { physical, offset, pageSize, header, isSound, bytes }: PageDump,
): string {
  const name = ['data page', 'index or variable page', 'PAT page'];
  const lines = [`Page ${physical} of ${file}, ${pageSize} bytes at offset ${offset}`];
  if (header === undefined) lines.push('File control record');
  else {
    const { type, space, page, generation, count, checksum } = header;
    lines.push(
      `Type ${type}, ${name[space] ?? `space ${space}`} ${page}, generation ${generation}, count ${count}`,
      `Checksum ${checksum}, ${isSound ? 'which is right' : 'which is wrong: the page is damaged'}`,
    );
  }
  lines.push('');
  for (let at = 0; at < bytes.length; at += ROW) {
    const row = bytes.subarray(at, at + ROW);
    // Of equal rows the first is enough.
    const before = bytes.subarray(at - ROW, at);
    if (at > 0 && Buffer.compare(row, before) === 0) {
      if (lines.at(-1) !== '*') lines.push('*');
      continue;
    }
    lines.push(hexRow(at, row));
  }
  lines.push(bytes.length.toString(16).padStart(4, '0'));
  return lines.join('\n');
}

function hexRow(at: number, row: Uint8Array): string {
  const hex = [...row].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
  const text = [...row].map((byte) => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : '.'));
  return `${at.toString(16).padStart(4, '0')}  ${hex}  ${text.join('')}`;
}
