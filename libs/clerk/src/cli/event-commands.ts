import type { CommandContext } from './command-context.js';
import { UsageError, wholeNumber } from './command-words.js';
import { type StoredEvent, StoredEvents } from './stored-events.js';

const LISTED = 20;

/** `events list`, and `events dead`. */
export async function listEvents(context: CommandContext): Promise<boolean> {
  const { values, command } = context;
  const events = await (
    await openEvents(context)
  ).list({
    status: command === 'events dead' ? 'dead' : (values.status ?? null),
    type: values.type ?? null,
    countMax: wholeNumber(values.limit, 'limit') ?? LISTED,
  });
  context.print(events, events.length === 0 ? ['There are none.'] : events.map(lineOf));
  return true;
}

export async function showEvent(context: CommandContext): Promise<boolean> {
  const [id, ...more] = context.words;
  if (id === undefined || more.length > 0) throw new UsageError('Say one id: events show ID.');
  const events = await openEvents(context);
  const event = await events.find(id);
  if (event === null) {
    context.print(null, ['There is no such event.']);
    return false;
  }
  const shown = context.values.payload ? { ...event, payload: await events.payload(id) } : event;
  context.print(
    shown,
    Object.entries(shown).map(([name, value]) => `${name}: ${textOf(value)}`),
  );
  return true;
}

export async function replayEvents(context: CommandContext): Promise<boolean> {
  const { words, values } = context;
  const isAllDead = values.dead ?? false;
  if (isAllDead === words.length > 0) throw new UsageError('Say ids, or --dead for all that were given up.');
  const replayed = await (await openEvents(context)).replay(isAllDead ? null : words);
  const missed = words.filter((id) => !replayed.includes(id));
  context.print({ replayed, missed }, [
    `${replayed.length} will be applied again.`,
    ...missed.map(
      (id) => `${id} is not there, waits already, or has no body any more: replay it from Clerk's dashboard.`,
    ),
  ]);
  return missed.length === 0;
}

async function openEvents(context: CommandContext): Promise<StoredEvents> {
  return new StoredEvents(await context.database(), context.values.name);
}

function lineOf(event: StoredEvent): string {
  const { id, type, status, entityId, attempts, receivedAt, lastError } = event;
  const failure = lastError === null ? '' : `  ${lastError}, ${attempts} attempts`;
  return `${receivedAt.toISOString()}  ${status.padEnd(8)} ${type.padEnd(20)} ${entityId ?? '-'}  ${id}${failure}`;
}

function textOf(value: unknown): string {
  if (value instanceof Date) return value.toISOString();
  return typeof value === 'string' ? value : JSON.stringify(value);
}
