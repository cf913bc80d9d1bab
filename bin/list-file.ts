/** List files, `@listFile`: names of data files, one a line. */
import { UsageError } from './grammar.js';
import { isThere, readText } from './text-files.js';

/**
 * The names in a list file. A line whose name is that of nothing and that has blanks may be several names,
 * as in old lists; quotation marks keep the blanks of one. Throws `TextFileError`, `UsageError`.
 */
export function readListFile(path: string): string[] {
  const text = readText('the list file', path).replace(/^\uFEFF/, '');
  const lines = text.split(/\r?\n|\r/);
  const names = lines.flatMap((line, index) => namesIn(line.trim(), path, index + 1));
  if (names.length > 0) return names;
  throw new UsageError(`the list file ${path} names no file`);
}

function namesIn(line: string, path: string, number: number): string[] {
  if (line === '') return [];
  // eslint-disable-next-line no-control-regex -- these are what a name must not have
  if (/[\u0000-\u001f\u007f]/.test(line)) {
    throw new UsageError(`line ${number} of the list file ${path} has a control character`);
  }
  if (isThere(line) || !/[\s"]/.test(line)) return [line];
  return [...line.matchAll(/"([^"]*)"|([^\s"]+)|"/g)].map(([word, quoted, plain]) => {
    const name = quoted ?? plain ?? '';
    if (name !== '') return name;
    const what = word === '"' ? 'a quotation mark too many' : 'an empty name';
    throw new UsageError(`line ${number} of the list file ${path} has ${what}`);
  });
}

/** What an operand stands for: the names in its list, or itself. */
export function listedFiles(operand: string): string[] {
  return operand.startsWith('@') && operand.length > 1 ? readListFile(operand.slice(1)) : [operand];
}
