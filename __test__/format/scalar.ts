/** Scalar indexes: BTREE, BITMAP and LABEL_LIST. They say which rows have a value, and which have none. */
import { check, Parts } from './bytes.js';
import { crc32c } from './crc32c.js';
import { PAGE, readHeaderPage } from './header_page.js';
import { KEY_TYPES, type KeyType } from './keys.js';
import { type RecordOf, readRecord } from './record.js';
import { readSet64 } from './roaring.js';
import { hexOf, readPage, type ScalarPage } from './scalar_page.js';

export const HEADER = {
  magic: '8 bytes',
  version: 'u32',
  kind: 'u32',
  key_type: 'u32',
  reserved: 'u32',
  pages: 'u64',
  keys: 'u64',
  pairs: 'u64',
  rows: 'u64',
  file_bytes: 'u64',
  tail: 'u64',
  first_keys: 'u64',
  nulls: 'u64',
  tail_crc: 'u32',
  reserved_2: 'u32',
} as const;

export const DIRECTORY_ENTRY = {
  offset: 'u64',
  pairs: 'u64',
  key: 'u64',
  crc: 'u32',
  reserved: 'u32',
} as const;

/** `\x89SCALR\r\n`. */
const MAGIC = '895343414c520d0a';

const KINDS = ['BTREE', 'BITMAP', 'LABEL_LIST'] as const;

export interface ScalarFile {
  kind: (typeof KINDS)[number];
  header: RecordOf<typeof HEADER>;
  keyType: KeyType;
  pages: ScalarPage[];
  /** The ids of the rows without a value. */
  nulls: number[];
}

export function readScalar(bytes: Uint8Array, name: string): ScalarFile {
  const file = new Parts(bytes, name);
  const header = readHeaderPage(file, HEADER);
  const kind = KINDS[header.kind];
  const keyType = KEY_TYPES[header.key_type];
  check(header.magic === MAGIC && header.version === 1, `${name}: begins with ${header.magic}`);
  check(kind !== undefined && keyType !== undefined, `${name}: has a kind that no one knows`);
  check(header.file_bytes === bytes.length, `${name}: has not ${header.file_bytes} bytes`);
  check(crc32c(bytes.subarray(header.tail)) === header.tail_crc, `${name}: the tail is damaged`);

  const fromDirectory = file.part(header.tail, header.first_keys - header.tail, 'directory');
  const directory = fromDirectory.many(header.pages, () =>
    readRecord(fromDirectory, DIRECTORY_ENTRY),
  );
  const fromFirst = file.part(header.first_keys, header.nulls - header.first_keys, 'first keys');
  const firstKeys = directory.map(({ key }, i) => {
    check(key === fromFirst.at, `${name}: the first key of page ${i} is not at ${key}`);
    const end = directory[i + 1]?.key ?? header.nulls - header.first_keys;
    return hexOf(fromFirst.take(end - key));
  });
  const nulls = readSet64(file.part(header.nulls, bytes.length - header.nulls, 'nulls'));
  const pages = readPages(file, header, directory, keyType);
  file.end();

  let pairs = 0;
  pages.forEach(({ entries }, i) => {
    check(entries[0].key === firstKeys[i], `${name}: page ${i} begins with ${entries[0].key}`);
    check(directory[i].pairs === pairs, `${name}: ${pairs} pairs are before page ${i}`);
    pairs += pairsOf(entries);
  });
  checkTotals({ kind, header, keyType, pages, nulls }, name);
  return { kind, header, keyType, pages, nulls };
}

/** The pages, which follow each other from the header to the tail. */
function readPages(
  file: Parts,
  { tail }: RecordOf<typeof HEADER>,
  directory: RecordOf<typeof DIRECTORY_ENTRY>[],
  { keyBytes }: KeyType,
): ScalarPage[] {
  check((directory[0]?.offset ?? tail) === PAGE, `${file.name}: page 0 is not after the header`);
  return directory.map(({ offset, crc }, i) => {
    const end = directory[i + 1]?.offset ?? tail;
    check(crc32c(file.bytes.subarray(offset, end)) === crc, `${file.name}: page ${i} is damaged`);
    return readPage(file.part(offset, end - offset, `page ${i}`), keyBytes);
  });
}

/** Says that the header counts what there is, and that keys ascend from page to page. */
function checkTotals({ kind, header, pages, nulls }: ScalarFile, name: string): void {
  const entries = pages.flatMap((page) => page.entries);
  const pairs = pairsOf(entries);
  check(entries.length === header.keys, `${name}: has ${entries.length} keys`);
  check(pairs === header.pairs, `${name}: has ${pairs} pairs`);
  for (let i = 1; i < entries.length; i++)
    check(entries[i - 1].key < entries[i].key, `${name}: ${entries[i].key} is not in order`);
  if (kind !== 'LABEL_LIST')
    check(pairs + nulls.length === header.rows, `${name}: ${header.rows} rows are not all there`);
}

const pairsOf = (entries: ScalarPage['entries']) =>
  entries.reduce((sum, { ids }) => sum + ids.length, 0);
