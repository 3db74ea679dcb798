import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';

import { isRecord, type UnknownRecord } from '../unknown-record.js';
import type { CommandContext } from './command-context.js';
import { UsageError } from './command-words.js';
import { SAMPLED_TYPES, sampleOf } from './sample-events.js';

/** What is to be sent: the bytes of `--body`, or an envelope of the type with a sample, `--data`, or a sample with that in it. */
export async function webhookBody(context: CommandContext): Promise<string> {
  const { body, data, id } = context.values;
  const type = typeOf(context);
  if (body !== undefined && [type, data, id].every((word) => word === undefined)) return read(body, 'body');
  if (body !== undefined || type === undefined)
    throw new UsageError('Say a type with --id or --data, or --body alone.');
  const given = data === undefined ? {} : await parseData(data);
  const nowMs = Date.now();
  const sample = id === undefined ? {} : sampleData(type, id, nowMs);
  return JSON.stringify({ data: { ...sample, ...given }, object: 'event', type, timestamp: nowMs });
}

function typeOf({ words, values }: CommandContext): string | undefined {
  const [word, ...more] = words;
  if (more.length > 0 || (word !== undefined && values.type !== undefined))
    throw new UsageError('Say one type.');
  return word ?? values.type;
}

function sampleData(type: string, id: string, nowMs: number): UnknownRecord {
  const sample = sampleOf(type, id, nowMs);
  if (sample.outcome === 'made') return sample.data;
  throw new UsageError(
    sample.reason === 'TYPE_HAS_NO_SAMPLE'
      ? `--id is for ${SAMPLED_TYPES.join(', ')}: say what a webhook of another type holds with --data.`
      : `--id is not the id of what ${type} is about.`,
  );
}

async function parseData(data: string): Promise<UnknownRecord> {
  try {
    const value: unknown = JSON.parse(data.startsWith('@') ? await read(data.slice(1), 'data') : data);
    if (isRecord(value)) return value;
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    // Not JSON and not an object are the same mistake: told below.
  }
  throw new UsageError('--data must be a JSON object, or @ and the name of a file that holds one.');
}

/** `-`: standard input. */
async function read(file: string, option: 'body' | 'data'): Promise<string> {
  if (file === '-') return text(process.stdin);
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new UsageError(`The file of --${option} cannot be read.`, { cause });
  }
}
