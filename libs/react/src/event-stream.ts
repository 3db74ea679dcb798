import { BackendError } from './backend-error.js';

/** An event longer than this is none of ours: whoever sends it would fill the memory. Characters. */
const EVENT_LENGTH_MAX = 1_048_576;

export interface StreamedEvent {
  /** `message` where the stream names none. */
  readonly name: string;
  readonly data: string;
}

/**
 * Reads server-sent events from text that comes in pieces, cut anywhere. Ids and reconnection times are left out: nothing here
 * connects again.
 *
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 */
export class EventStreamParser {
  #rest = '';
  #name = '';
  #data: string[] = [];
  #length = 0;

  /** Events that are complete with this piece. @throws BackendError ANSWER_MALFORMED when one is longer than 1,048,576 characters */
  push(piece: string): StreamedEvent[] {
    const text = this.#rest + piece;
    // A carriage return at the end may be half of a line end.
    const lines = text.slice(0, text.endsWith('\r') ? -1 : text.length).split(/\r\n|\n|\r/);
    this.#rest = (lines.pop() ?? '') + (text.endsWith('\r') ? '\r' : '');
    const events = lines.flatMap((line) => this.#take(line));
    if (this.#length + this.#rest.length > EVENT_LENGTH_MAX) throw new BackendError('ANSWER_MALFORMED');
    return events;
  }

  #take(line: string): StreamedEvent[] {
    if (line === '') return this.#dispatch();
    this.#length += line.length;
    const [, field, value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
    if (field === 'event') this.#name = value;
    if (field === 'data') this.#data.push(value);
    return [];
  }

  #dispatch(): StreamedEvent[] {
    const event = { name: this.#name || 'message', data: this.#data.join('\n') };
    const isEvent = this.#data.length > 0;
    this.#name = '';
    this.#data = [];
    this.#length = 0;
    return isEvent ? [event] : [];
  }
}

/** The events of an answer, as they come. What is left of an event at the end is dropped, as browsers do. */
export async function* readEvents(
  body: ReadableStream<Uint8Array>,
): AsyncGenerator<StreamedEvent, void, void> {
  const parser = new EventStreamParser();
  const decoder = new TextDecoder();
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield* parser.push(decoder.decode(value, { stream: true }));
    }
  } finally {
    // Who stops listening closes the connection.
    await reader.cancel();
  }
}
