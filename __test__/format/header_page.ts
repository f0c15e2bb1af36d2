/** The first page of an index file. */
import { check, type Parts, type Reader } from './bytes.js';
import { crc32c } from './crc32c.js';
import { type Layout, type RecordOf, readRecord } from './record.js';

/** Bytes of a page, of which the header has one. */
export const PAGE = 4096;

/** Where the header's checksum is: of all bytes before it. */
const CHECKSUM_AT = PAGE - 4;

/** The header of a file: its record, zeros, and its checksum. */
export function readHeaderPage<L extends Layout>(file: Parts, layout: L): RecordOf<L> {
  const page: Reader = file.part(0, PAGE, 'header');
  const header = readRecord(page, layout);
  page.zeros(CHECKSUM_AT - page.at);
  const checksum = crc32c(file.bytes.subarray(0, CHECKSUM_AT));
  check(page.u32() === checksum, `${file.name}: the header is damaged`);
  return header;
}
