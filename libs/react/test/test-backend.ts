import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

export interface ReceivedRequest {
  readonly route: string;
  readonly token: string;
  readonly headers: IncomingMessage['headers'];
  /** The shape is what the test asserts. */
  readonly body: unknown;
}

export type Answer = (res: ServerResponse, request: ReceivedRequest) => void;

/** A service on loopback that answers what a test tells it to, in the shapes of the real one. */
export class TestBackend {
  url = '';
  readonly requests: ReceivedRequest[] = [];
  /** How many answers were cut off by the client. */
  abortedCount = 0;
  readonly #answers = new Map<string, Answer[]>();
  readonly #server: Server = createServer((req, res) => void this.#handle(req, res));

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    const address = this.#server.address();
    this.url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
    return this;
  }

  stop(): Promise<unknown> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(resolve));
  }

  /** Answers in turn; the last one stays. */
  on(route: string, ...answers: Answer[]): this {
    this.#answers.set(route, answers);
    return this;
  }

  routes(): string[] {
    return this.requests.map(({ route }) => route);
  }

  async #handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    let text = '';
    for await (const chunk of req) text += String(chunk);
    const route = `${req.method} ${req.url}`;
    const token = req.headers.authorization?.replace('Bearer ', '') ?? '';
    const request = { route, token, headers: req.headers, body: text === '' ? null : JSON.parse(text) };
    this.requests.push(request);
    res.once('close', () => (this.abortedCount += res.writableFinished ? 0 : 1));
    const answers = this.#answers.get(route) ?? [problem(404, 'ROUTE_NOT_FOUND')];
    const answer = answers.length > 1 ? answers.shift() : answers[0];
    answer?.(res, request);
  }
}

export function userOf(clerkId: string, changes: object = {}): object {
  return {
    id: `row-of-${clerkId}`,
    clerk_id: clerkId,
    email: `${clerkId}@example.com`,
    first_name: 'Ada',
    last_name: 'Reef',
    username: null,
    image_url: null,
    is_active: true,
    tier: 'FREE',
    metadata: {},
    created_at: '2026-01-01T00:00:00.000Z',
    updated_at: '2026-01-01T00:00:00.000Z',
    ...changes,
  };
}

export function json(body: object, status = 200, headers: Record<string, string> = {}): Answer {
  return (res) =>
    res.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

export function problem(status: number, code: string, headers: Record<string, string> = {}): Answer {
  return json({ status, code }, status, { 'content-type': 'application/problem+json', ...headers });
}

/** The user whom the token stands for. */
export const ownUser: Answer = (res, { token }) => {
  const { sub } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
  json({ user: userOf(sub) })(res, { route: '', token, headers: {}, body: null });
};

/** Never answers. */
export const silence: Answer = () => undefined;

export function streamed(...pieces: string[]): Answer {
  return (res) => {
    startStream(res);
    for (const text of pieces) writeEvent(res, 'delta', { text });
    writeEvent(res, 'done', { answer: pieces.join('') });
    res.end();
  };
}

export function startStream(res: ServerResponse): void {
  res.writeHead(200, { 'content-type': 'text/event-stream' });
  res.flushHeaders();
}

export function writeEvent(res: ServerResponse, name: string, data: object): void {
  res.write(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
}
