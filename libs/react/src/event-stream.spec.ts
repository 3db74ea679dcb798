import { EventStreamParser, readEvents, type StreamedEvent } from './event-stream.js';

const event = (data: string, name = 'message'): StreamedEvent => ({ name, data });

describe('a stream of events', () => {
  it.each<[string, string, StreamedEvent[]]>([
    ['one event', 'data: a\n\n', [event('a')]],
    ['a name', 'event: delta\ndata: a\n\n', [event('a', 'delta')]],
    [
      'a name that holds for one event',
      'event: delta\ndata: a\n\ndata: b\n\n',
      [event('a', 'delta'), event('b')],
    ],
    ['carriage returns', 'data: a\r\rdata: b\r\r:\r', [event('a'), event('b')]],
    ['both line ends together', 'data: a\r\n\r\ndata: b\r\n\r\n', [event('a'), event('b')]],
    ['several lines of data', 'data: a\ndata:\ndata: b\n\n', [event('a\n\nb')]],
    ['several lines of data and both line ends', 'data: a\r\ndata: b\r\n\r\n', [event('a\nb')]],
    ['no space after the colon, or two', 'data:a\ndata:  b\n\n', [event('a\n b')]],
    ['a colon in the data', 'data: {"a":1}\n\n', [event('{"a":1}')]],
    ['a field without a colon', 'data\n\n', [event('')]],
    ['comments and unknown fields', ': ping\nid: 7\nretry: 10\nother\ndata: a\n\n', [event('a')]],
    ['a name without data', 'event: ping\n\ndata: a\n\n', [event('a')]],
    ['an end before the event does', 'data: a\n\ndata: b\n', [event('a')]],
  ])('is read with %s, wherever it is cut', (_name, text, expected) => {
    for (let cut = 0; cut <= text.length; cut += 1) {
      const parser = new EventStreamParser();
      expect([...parser.push(text.slice(0, cut)), ...parser.push(text.slice(cut))]).toEqual(expected);
    }
    const parser = new EventStreamParser();
    expect([...text].flatMap((character) => parser.push(character))).toEqual(expected);
  });

  it('gives an event out as soon as it is complete', () => {
    const parser = new EventStreamParser();
    expect(parser.push('data: a\n')).toEqual([]);
    expect(parser.push('\n')).toEqual([event('a')]);
  });

  it.each([
    ['of one line', 'x'.repeat(1_048_577)],
    ['of many lines', `data: ${'x'.repeat(99)}\n`.repeat(11_000)],
  ])('is refused with an endless event %s', (_name, text) => {
    const parser = new EventStreamParser();
    expect(() => parser.push(text)).toThrow(expect.objectContaining({ code: 'ANSWER_MALFORMED' }));
  });

  it('may be longer than one event may be', () => {
    const parser = new EventStreamParser();
    const events = Array.from({ length: 12 }, () => parser.push(`data: ${'x'.repeat(100_000)}\n\n`)).flat();
    expect(events).toHaveLength(12);
  });
});

describe('the body of an answer', () => {
  it('is read with characters and a byte order mark cut into bytes', async () => {
    const bytes = new TextEncoder().encode('\uFEFFdata: “Größe” 🐟\n\n');
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        for (const byte of bytes) controller.enqueue(Uint8Array.of(byte));
        controller.close();
      },
    });
    const events: StreamedEvent[] = [];
    for await (const one of readEvents(body)) events.push(one);
    expect(events).toEqual([event('“Größe” 🐟')]);
  });

  it('is closed by whoever stops reading', async () => {
    let isClosed = false;
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new TextEncoder().encode('data: a\n\n')),
      cancel: () => void (isClosed = true),
    });
    for await (const one of readEvents(body)) {
      expect(one).toEqual(event('a'));
      break;
    }
    expect(isClosed).toBe(true);
  });
});
