/**
 * The files that golden scripts work on.
 */
import type { Fixture } from './script.js';

/**
 * Name (unique, modifiable), age (duplicates, modifiable), city (duplicates, not modifiable).
 *
 *     as stored   Dan 40 Rome   Bea 20 Oslo   Eva 20 Rome   Abe 30 Oslo   Cid 20 Bern
 *     by key 0    Abe Bea Cid Dan Eva
 *     by key 1    Bea Eva Cid (20)   Abe (30)   Dan (40)
 *     by key 2    Cid (Bern)   Bea Abe (Oslo)   Dan Eva (Rome)
 */
export const PEOPLE: Fixture = {
  create: 'F(16 1024 3),K(1 8 0x102),K(9 2 0x103 14),K(11 6 0x101)',
  records: {
    Dan: '"Dan"/8,2:40,"Rome"/6',
    Bea: '"Bea"/8,2:20,"Oslo"/6',
    Eva: '"Eva"/8,2:20,"Rome"/6',
    Abe: '"Abe"/8,2:30,"Oslo"/6',
    Cid: '"Cid"/8,2:20,"Bern"/6',
  },
};

/** The same without a record. */
export const NOBODY: Fixture = { ...PEOPLE, records: {} };

/** No key; there is a system key, since nothing else identifies a record. */
export const DATA_ONLY: Fixture = {
  create: 'F(8 1024 0)',
  records: { One: '"one"/8', Two: '"two"/8', Three: '"three"/8' },
};

/** The one key is the whole record; duplicates are allowed. */
export const KEY_ONLY: Fixture = {
  create: 'F(8 1024 1 0x10),K(1 8 0x102)',
  records: { One: '"one"/8', Two: '"two"/8', Three: '"three"/8' },
};

/** Numbers 1 to 4, modifiable: the manuals' own example of what an update does to the position. */
export const NUMBERS: Fixture = {
  create: 'F(8 1024 2),K(1 4 0x102 14),K(5 4 0x103 14)',
  records: { N1: '4:1,4:9', N2: '4:2,4:9', N3: '4:3,4:9', N5: '4:5,4:9' },
};

/** Variable length; name (unique, modifiable) in a fixed part of 12 bytes. */
export const NOTES: Fixture = {
  create: 'F(12 1024 1 1),K(1 8 0x102)',
  records: {
    Short: '"Short"/8,4:1',
    Middle: '"Middle"/8,4:2,"0123456789"',
    Long: '"Long"/8,4:3,"abcdefghij"*300',
  },
};

/** An autoincrement key of 2 bytes, and a text. */
export const TICKETS: Fixture = {
  create: 'F(8 1024 1),K(1 2 0x102 15)',
  records: {},
};

/**
 * Key 0: any segment null (blank, zero). Key 1: all segments null. Key 2: unique, always there.
 *
 *     Full: in both   Half: not in key 0   None: in neither
 */
export const NULLS: Fixture = {
  create:
    'F(16 1024 3)' +
    ',K(1 4 0x313 0 0x20),K(5 4 0x303 14 0)' +
    ',K(1 4 0x11b 0 0x20),K(5 4 0x10b 14 0)' +
    ',K(9 8 0x102)',
  records: {
    Full: '"full",4:7,"Full"/8',
    Half: '"half",4:0,"Half"/8',
    None: '"    ",4:0,"None"/8',
  },
};
