/**
 * The texts that `butil` may say, read from its sources: every string of three words and more in the files that
 * speak to users. A text with values in it becomes a pattern.
 */
import ts from 'typescript';

export interface SpokenText {
  readonly file: string;
  readonly line: number;
  /** The text, with `{}` in the place of each value. */
  readonly text: string;
  /** What it looks like where it is printed. */
  readonly pattern: RegExp;
}

/** The strings of a file that are sentences or parts of one. */
export function spokenTexts(file: string, source: string): SpokenText[] {
  const tree = ts.createSourceFile(file, source, ts.ScriptTarget.Latest, true);
  const texts: SpokenText[] = [];
  const visit = (node: ts.Node): void => {
    if (isForProgrammers(node)) return;
    const pieces = piecesOf(node);
    if (pieces !== undefined && isSentence(pieces)) {
      const { line } = tree.getLineAndCharacterOfPosition(node.getStart());
      texts.push({ file, line: line + 1, text: pieces.join('{}'), pattern: patternOf(pieces) });
    }
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return texts;
}

/** Invariants, which no user ever sees. */
function isForProgrammers(node: ts.Node): boolean {
  return ts.isCallExpression(node) && node.expression.getText() === 'assert';
}

function piecesOf(node: ts.Node): string[] | undefined {
  if (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node)) return [node.text];
  if (!ts.isTemplateExpression(node)) return undefined;
  return [node.head.text, ...node.templateSpans.map(({ literal }) => literal.text)];
}

function isSentence(pieces: readonly string[]): boolean {
  const words = pieces.join(' ').match(/[A-Za-z]{2,}/g) ?? [];
  return words.length >= 3 && pieces.some((piece) => piece.includes(' '));
}

/** Printed, a sentence may begin with a capital. */
function patternOf(pieces: readonly string[]): RegExp {
  const quoted = pieces.map((piece) =>
    piece.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&').replaceAll('\n', '\\s+'),
  );
  return new RegExp(quoted.join('.*?'), 'i');
}
