import { HttpException, Logger } from '@nestjs/common';

/**
 * Server-sent events: `delta` with each piece, then `done` with the whole, or `error` with a code where it breaks off: the
 * status line is gone by then.
 *
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
export async function* eventStream(
  pieces: AsyncIterable<string>,
  done: (text: string) => object,
): AsyncIterable<string> {
  let text = '';
  try {
    for await (const piece of pieces) {
      text += piece;
      yield event('delta', { text: piece });
    }
    yield event('done', done(text));
  } catch (error) {
    new Logger('Chat').error(`An answer broke off: ${error instanceof Error ? error.name : 'unknown'}`);
    yield event('error', { code: codeOf(error) });
  }
}

function event(name: string, data: object): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}

function codeOf(error: unknown): string {
  const body = error instanceof HttpException ? error.getResponse() : {};
  return typeof body === 'object' && 'code' in body ? String(body.code) : 'INTERNAL_ERROR';
}
