/** A segment, or a part of one: an Arrow IPC file, read twice: byte by byte, and by apache-arrow. */
import {
  Message,
  type MessageHeader,
  MetadataVersion,
  type RecordBatch,
  RecordBatchReader,
  type Schema,
} from 'apache-arrow';
import { check, Parts, type Reader } from './bytes.js';
import { crc32c } from './crc32c.js';
import { type ColumnStatistics, checkStatistics, readStatistics } from './statistics.js';

const MAGIC = 'ARROW1';

/** Every buffer, and so every message's body, begins at a multiple of this. */
const ALIGNMENT = 64;

/** What a message begins with, and its length after that. */
const CONTINUATION = 0xffffffff;

/** The magic and the length of the footer. */
const END_BYTES = 10;

export interface ArrowFile {
  schema: Schema;
  batches: RecordBatch[];
  /** For each column what the footer says of its values; null if that is nothing. */
  statistics: Array<ColumnStatistics | null>;
}

/** What a message of rows, or of a dictionary's values, begins with. */
type RecordBatchHeader = ReturnType<Message<MessageHeader.RecordBatch>['header']>;

/** Where a message is. */
interface Block {
  offset: number;
  metaDataLength: number;
  bodyLength: number;
}

export function readArrowFile(bytes: Uint8Array, name: string, footerChecksum: number): ArrowFile {
  const file = new Parts(bytes, name);
  const begin = file.part(0, ALIGNMENT, 'magic');
  checkMagic(begin);
  begin.zeros(begin.left);

  const end = file.part(bytes.length - END_BYTES, END_BYTES, 'end');
  const footerBytes = end.u32();
  checkMagic(end);
  const footerAt = bytes.length - END_BYTES - footerBytes;
  const footer = file.part(footerAt, footerBytes, 'footer').take(footerBytes);
  check(crc32c(footer) === footerChecksum, `${name}: the footer is damaged`);

  const messages = file.part(ALIGNMENT, footerAt - ALIGNMENT, 'messages');
  const { dictionaries, batches } = readMessages(messages);
  file.end();

  const reader = RecordBatchReader.from(bytes).open() as RecordBatchReader;
  const blocks = reader.footer!;
  check(reader.isFile(), `${name}: is not an Arrow file`);
  check(
    blocks.version === MetadataVersion.V5,
    `${name}: has metadata of version ${blocks.version}`,
  );
  checkBlocks([...blocks.dictionaryBatches()], dictionaries, name);
  checkBlocks([...blocks.recordBatches()], batches, name);
  const arrowFile = {
    schema: reader.schema,
    batches: [...(reader as Iterable<RecordBatch>)],
    statistics: readStatistics(footer, name),
  };
  checkStatistics(arrowFile, name);
  return arrowFile;
}

function checkMagic(from: Reader): void {
  const magic = Buffer.from(from.take(MAGIC.length)).toString('latin1');
  check(magic === MAGIC, `${from.name}: ${magic} is not ${MAGIC}`);
}

/** Reads all messages: the schema, the dictionaries, the batches, and the mark after the last. */
function readMessages(from: Reader): { dictionaries: Block[]; batches: Block[] } {
  const schema = readMessage(from);
  check(schema?.message.isSchema() === true, `${from.name}: the first is no schema`);
  const dictionaries: Block[] = [];
  const batches: Block[] = [];
  const ids = new Set<number>();
  for (let next = readMessage(from); next !== undefined; next = readMessage(from)) {
    const { message, block } = next;
    if (message.isDictionaryBatch()) {
      const { id, isDelta } = message.header();
      check(!isDelta && !ids.has(id), `${from.name}: dictionary ${id} comes twice`);
      check(batches.length === 0, `${from.name}: a dictionary comes after a batch`);
      ids.add(id);
      dictionaries.push(block);
    } else {
      check(message.isRecordBatch(), `${from.name}: a message is a ${message.headerType}`);
      batches.push(block);
    }
  }
  return { dictionaries, batches };
}

/** The next message, whose body is read to its last byte; nothing after the last. */
function readMessage(from: Reader): { message: Message; block: Block } | undefined {
  const offset = ALIGNMENT + from.at;
  check(from.u32() === CONTINUATION, `${from.name}: no message is at ${offset}`);
  const metadataBytes = from.u32();
  if (metadataBytes === 0) return undefined;
  const message = Message.decode(from.take(metadataBytes));
  check(message.version === MetadataVersion.V5, `${from.name}: version ${message.version}`);
  readBody(from, message);
  return {
    message,
    block: { offset, metaDataLength: 8 + metadataBytes, bodyLength: message.bodyLength },
  };
}

function readBody(from: Reader, message: Message): void {
  const start = from.at;
  check(start % ALIGNMENT === 0, `${from.name}: the body at ${start} is not aligned`);
  for (const { offset, length } of buffersOf(message)) {
    check(offset % ALIGNMENT === 0, `${from.name}: the buffer at ${start + offset} is not aligned`);
    from.zeros(start + offset - from.at);
    from.take(length);
  }
  from.zeros(start + message.bodyLength - from.at);
}

function buffersOf(message: Message): Array<{ offset: number; length: number }> {
  if (message.isSchema()) return [];
  const header = message.isDictionaryBatch() ? message.header().data : message.header();
  const { compression, buffers } = header as RecordBatchHeader;
  check(compression === null, 'a buffer is compressed');
  return buffers;
}

/** Says that the footer names just the messages that there are. */
function checkBlocks(named: Block[], found: Block[], name: string): void {
  const places = (blocks: Block[]) =>
    blocks.map((block) => [block.offset, block.metaDataLength, block.bodyLength]).join('; ');
  check(places(named) === places(found), `${name}: messages are not where the footer says`);
}
