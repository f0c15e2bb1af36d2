/** Indexes of vectors: the header page, the sections that every query reads, and an extent for each partition. */
import { check, Parts, type Reader, upTo } from './bytes.js';
import { crc32c } from './crc32c.js';
import { PAGE, readHeaderPage } from './header_page.js';
import { type FlatRow, flatExtentBytes, readFlatExtent } from './ivf_flat.js';
import {
  CALIBRATION_ENTRY,
  type CalibrationEntry,
  DIRECTORY_ENTRY,
  dimensionsOf,
  HEADER,
  type IvfHeader,
  kindOf,
} from './ivf_header.js';
import { type Codebook, type PqRow, pqExtentBytes, readCodebook, readPqExtent } from './ivf_pq.js';
import { type RecordOf, readRecord, sizeOf } from './record.js';

export interface Partition<Row> {
  /** Without the mean of all points. */
  centroid: Float32Array;
  rows: Row[];
}

interface Ivf<Row> {
  header: IvfHeader;
  mean: Float32Array;
  calibration: CalibrationEntry[];
  partitions: Partition<Row>[];
}

export interface IvfFlatFile extends Ivf<FlatRow> {
  kind: 'IVF_FLAT';
}

export interface IvfPqFile extends Ivf<PqRow> {
  kind: 'IVF_PQ';
  codebook: Codebook;
}

export type IvfFile = IvfFlatFile | IvfPqFile;

export function readIvf(bytes: Uint8Array, name: string): IvfFile {
  const file = new Parts(bytes, name);
  const header = readHeaderPage(file, HEADER);
  const kind = kindOf(header, name);
  check(header.file_bytes === bytes.length, `${name}: has not ${header.file_bytes} bytes`);

  const section = sections(file, header);
  const dimensions = dimensionsOf(header);
  const mean = section('mean').f32s(dimensions);
  const fromCentroids = section('centroids');
  const centroids = fromCentroids.many(header.partitions, () => fromCentroids.f32s(dimensions));
  const codebook = readCodebook(section('codebook'), header);
  const fromDirectory = section('directory');
  const directory = fromDirectory.many(header.partitions, () =>
    readRecord(fromDirectory, DIRECTORY_ENTRY),
  );
  const calibration = readCalibration(section('calibration'));
  section.end();

  /** The partitions, with rows that `readExtent` finds in extents of `extentBytes`. */
  function partitions<Row>(
    extentBytes: (header: IvfHeader, rows: number) => number,
    readExtent: (from: Reader, header: IvfHeader, rows: number) => Row[],
  ): Partition<Row>[] {
    const lengths = directory.map(({ rows }) => extentBytes(header, rows));
    const extents = placeExtents(file, header, directory, lengths);
    return extents.map((from, i) => ({
      centroid: centroids[i],
      rows: readExtent(from, header, directory[i].rows),
    }));
  }

  const shared = { header, mean, calibration };
  const index: IvfFile =
    kind === 'IVF_PQ'
      ? { ...shared, kind, codebook, partitions: partitions(pqExtentBytes, readPqExtent) }
      : { ...shared, kind, partitions: partitions(flatExtentBytes, readFlatExtent) };
  file.end();
  const rows = index.partitions.reduce((sum, partition) => sum + partition.rows.length, 0);
  check(rows === header.rows, `${name}: the extents have ${rows} rows`);
  return index;
}

type Section = 'mean' | 'centroids' | 'codebook' | 'directory' | 'calibration';

/** Reads one section after the other, with zeros up to the page at which each begins. */
function sections(file: Parts, { extents, sections_crc, ...header }: IvfHeader) {
  let end = PAGE;
  const begin = (at: number, name: string) => {
    check(at === upTo(PAGE, end), `${file.name}: ${name} is at ${at}, after ${end}`);
    file.zeros(end, at);
  };
  const section = (name: Section) => {
    const { offset, bytes } = header[name];
    begin(offset, name);
    // Only of the calibration's page may all be unused.
    end = offset + (name === 'calibration' ? PAGE : bytes);
    if (name === 'calibration') file.zeros(offset + bytes, end);
    return file.part(offset, bytes, name);
  };
  return Object.assign(section, {
    end: () => {
      begin(extents.offset, 'extents');
      check(extents.offset + extents.bytes === header.file_bytes, `${file.name}: has more to it`);
      const checksum = crc32c(file.bytes.subarray(PAGE, extents.offset));
      check(checksum === sections_crc, `${file.name}: the sections are damaged`);
    },
  });
}

function readCalibration(from: Reader): CalibrationEntry[] {
  const count = from.left / sizeOf(CALIBRATION_ENTRY);
  const entries = from.many(count, () => readRecord(from, CALIBRATION_ENTRY));
  entries.forEach((entry, i) => {
    const { k, candidates, target, recall, probes } = entry;
    check(k > 0 && candidates >= k, `${from.name}: ${candidates} candidates for ${k}`);
    check(target > 0 && target < 1, `${from.name}: the target ${target}`);
    check(recall >= 0 && recall <= 1, `${from.name}: the recall ${recall}`);
    check(probes >= 0, `${from.name}: ${probes} probes`);
    const before = entries[i - 1];
    const ascends = !before || before.k < k || (before.k === k && before.target < target);
    check(ascends, `${from.name}: ${target} for ${k} is not in order`);
  });
  return entries;
}

/** The extents, which follow each other, each with zeros up to a page, where the next one begins, or the file ends. */
function placeExtents(
  file: Parts,
  { extents }: IvfHeader,
  directory: RecordOf<typeof DIRECTORY_ENTRY>[],
  lengths: number[],
): Reader[] {
  let next = extents.offset;
  return directory.map(({ offset, crc }, i) => {
    const name = `extent ${i}`;
    check(offset === next, `${file.name}, ${name}: is at ${offset}, not ${next}`);
    const end = offset + lengths[i];
    next = upTo(PAGE, end);
    file.zeros(end, next);
    const checksum = crc32c(file.bytes.subarray(offset, next));
    check(checksum === crc, `${file.name}, ${name}: is damaged`);
    return file.part(offset, lengths[i], name);
  });
}
