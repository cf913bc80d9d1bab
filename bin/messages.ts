/**
 * The words of `butil`: banner, numbered messages, closing lines.
 *
 * Messages 14 to 139 have the numbers and the meaning that users of Btrieve know; those from 201 on
 * are this program's own.
 */

export const MESSAGE = Object.freeze({
  /** Which file an error is about. */
  FILE: 14,
  NO_ACS_FILE: 19,
  WRONG_ACS_FILE: 20,
  /** A status of the engine. */
  ENGINE: 100,
  MAY_TAKE_LONG: 139,
  DESCRIPTION: 201,
  UNFORMATTED: 202,
  RECORD_LENGTHS: 203,
  REFUSED_RECORDS: 204,
  INTERRUPTED: 205,
  NOT_RECOVERED: 206,
  SYSTEM: 207,
  NOT_SAFE: 208,
  NO_OWNER_NAME: 209,
  ROOT_IN_USE: 210,
  LEFT_OUT: 211,
  NOT_RUN: 212,
  PARTLY: 213,
});

export type MessageNumber = (typeof MESSAGE)[keyof typeof MESSAGE];

export function message(number: MessageNumber, text: string): string {
  return `BUTIL-${number}: ${text}`;
}

/** The first lines of every run, with an empty one at their end. */
export function banner(version: string): string {
  return [
    `Btrieve Maintenance Utility, Isamite ${version}`,
    'Copyright (C) 2026 Isamite contributors',
    'Free software under the MIT License.',
    '',
  ].join('\n');
}

const CLOSING: Readonly<Record<number, string>> = {
  0: 'The command completed successfully.',
  1: 'The command completed with errors.',
  2: 'The command did not complete.',
};

/** The last line of a command, by its exit code, which may be that of a program that it has run. */
export function closing(exitCode: number): string {
  return CLOSING[exitCode] ?? CLOSING[1] ?? '';
}

/** For instance 1,234,567. */
export function grouped(count: number): string {
  return String(Math.round(count)).replace(/\B(?=(?:\d{3})+$)/g, ',');
}

/** `1 record`, `2 records`. */
export function counted(count: number, what: string): string {
  return `${grouped(count)} ${what}${count === 1 ? '' : 's'}`;
}
