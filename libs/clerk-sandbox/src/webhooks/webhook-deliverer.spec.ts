import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';

import { Webhook } from 'svix';

import { WebhookDeliverer, type WebhookDelivererOptions } from './webhook-deliverer.js';

interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

let server: Server;
let origin: string;
let received: Received[] = [];
/** What the receiver answers to each request in turn; 204 where there is none. */
let answers: { status: number; headers?: Record<string, string> }[] = [];
const deliverers: WebhookDeliverer[] = [];

beforeAll(async () => {
  server = createServer(async (req, res) => {
    let body = '';
    for await (const chunk of req) body += String(chunk);
    received.push({ path: req.url ?? '', headers: req.headers, body });
    const { status, headers } = answers.shift() ?? { status: 204 };
    if (status === 0) return;
    res.writeHead(status, headers).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  origin = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
});

beforeEach(() => {
  received = [];
  answers = [];
});

afterEach(() => {
  for (const deliverer of deliverers.splice(0)) deliverer.stop();
});

afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

function createDeliverer(options: Partial<WebhookDelivererOptions> = {}): WebhookDeliverer {
  const deliverer = new WebhookDeliverer({
    now: Date.now,
    random: () => 0.5,
    timeScale: 0.0001,
    attemptTimeoutMs: 2_000,
    ...options,
  });
  deliverers.push(deliverer);
  return deliverer;
}

const verified = ({ headers, body }: Received, secret: string) =>
  new Webhook(secret).verify(body, {
    'svix-id': String(headers['svix-id']),
    'svix-timestamp': String(headers['svix-timestamp']),
    'svix-signature': String(headers['svix-signature']),
  });

/** Resolves when the newest message has had its first attempt. */
async function attempted(deliverer: WebhookDeliverer): Promise<void> {
  while (deliverer.messages()[0]?.attempts.length === 0)
    await new Promise((resolve) => setTimeout(resolve, 5));
}

const BODY = '{"type":"user.created"}';

describe('a delivery', () => {
  it('is signed as Svix signs, and what was sent is what was signed', async () => {
    const deliverer = createDeliverer();
    const { secret } = deliverer.addEndpoint(`${origin}/hook`);
    deliverer.send('user.created', BODY);
    await deliverer.idle();
    expect(received).toHaveLength(1);
    const [first] = received;
    expect(first?.headers['content-type']).toBe('application/json');
    expect(first?.headers['svix-id']).toMatch(/^msg_[A-Za-z0-9]{27}$/);
    expect(first && verified(first, secret)).toEqual({ type: 'user.created' });
    expect(deliverer.messages()[0]?.attempts).toMatchObject([{ status: 204, outcome: 'delivered' }]);
  });

  it('goes to every endpoint under one id, signed with the secret of each', async () => {
    const deliverer = createDeliverer();
    const endpoints = [deliverer.addEndpoint(`${origin}/a`), deliverer.addEndpoint(`${origin}/b`)];
    deliverer.send('user.created', BODY);
    await deliverer.idle();
    expect(new Set(received.map(({ headers }) => headers['svix-id'])).size).toBe(1);
    for (const request of received) {
      const own = endpoints.find(({ url }) => url.endsWith(request.path));
      const other = endpoints.find(({ url }) => !url.endsWith(request.path));
      expect(verified(request, own?.secret ?? '')).toEqual({ type: 'user.created' });
      expect(() => verified(request, other?.secret ?? '')).toThrow('No matching signature found');
    }
  });

  it('that fails comes again with the same id, a fresh time and a fresh signature', async () => {
    let now = Date.now();
    const deliverer = createDeliverer({ now: () => (now += 1_000) });
    const { secret } = deliverer.addEndpoint(origin);
    answers = [{ status: 500 }, { status: 400 }];
    deliverer.send('user.created', BODY);
    await deliverer.idle();
    expect(received).toHaveLength(3);
    expect(new Set(received.map(({ headers }) => headers['svix-id'])).size).toBe(1);
    expect(new Set(received.map(({ headers }) => headers['svix-timestamp'])).size).toBe(3);
    expect(new Set(received.map(({ headers }) => headers['svix-signature'])).size).toBe(3);
    for (const request of received) expect(verified(request, secret)).toEqual({ type: 'user.created' });
  });

  it('is given up after the eighth attempt', async () => {
    // Its clock stands still: five days of failures, which end it too, are 432 ms on this scale.
    const nowMs = Date.now();
    const deliverer = createDeliverer({ timeScale: 0.000001, now: () => nowMs });
    deliverer.addEndpoint(origin);
    answers = Array.from({ length: 20 }, () => ({ status: 500 }));
    deliverer.send('user.created', BODY);
    await deliverer.idle();
    expect(received).toHaveLength(8);
  });

  it('that is answered with a redirect has failed, and the redirect is not followed', async () => {
    const deliverer = createDeliverer();
    deliverer.addEndpoint(`${origin}/from`);
    answers = [{ status: 307, headers: { location: `${origin}/to` } }];
    deliverer.send('user.created', BODY);
    await deliverer.idle();
    expect(received.map(({ path }) => path)).toEqual(['/from', '/from']);
  });

  it('that is not answered in time has failed, and waits a minute at least', async () => {
    // The second attempt has to be answered in time, on a busy machine too.
    const deliverer = createDeliverer({ attemptTimeoutMs: 1_000 });
    deliverer.addEndpoint(origin);
    answers = [{ status: 0 }];
    const startedAt = Date.now();
    deliverer.send('user.created', BODY);
    await deliverer.idle();
    expect(Date.now() - startedAt).toBeGreaterThanOrEqual(1_000 + 6);
    expect(deliverer.messages()[0]?.attempts.map(({ status }) => status)).toEqual([null, 204]);
  });

  it('stops when the receiver asks for that: this message, or the endpoint', async () => {
    const deliverer = createDeliverer();
    const endpoint = deliverer.addEndpoint(origin);
    answers = [{ status: 500, headers: { 'webhook-delivery': 'abort-message' } }];
    deliverer.send('user.created', BODY);
    await deliverer.idle();
    expect([received.length, endpoint.isDisabled]).toEqual([1, false]);
    answers = [{ status: 500, headers: { 'webhook-delivery': 'disable' } }];
    deliverer.send('user.created', BODY);
    deliverer.send('user.created', BODY);
    await deliverer.idle();
    expect(endpoint.isDisabled).toBe(true);
    const before = received.length;
    deliverer.send('user.created', BODY);
    await deliverer.idle();
    expect(received).toHaveLength(before);
  });

  it('switches an endpoint off that is gone (410), or has failed for five days', async () => {
    const gone = createDeliverer();
    const goneEndpoint = gone.addEndpoint(origin);
    answers = [{ status: 410 }];
    gone.send('user.created', BODY);
    await gone.idle();
    expect(goneEndpoint.isDisabled).toBe(true);

    let now = Date.now();
    const failing = createDeliverer({ timeScale: 1, now: () => now });
    const endpoint = failing.addEndpoint(origin);
    answers = [{ status: 500 }, { status: 500 }];
    failing.send('user.created', BODY);
    await attempted(failing);
    expect(endpoint.isDisabled).toBe(false);
    now += 5 * 86_400_000;
    failing.send('user.created', BODY);
    await attempted(failing);
    expect(endpoint.isDisabled).toBe(true);
  });

  it('can be sent again under its old id', async () => {
    const deliverer = createDeliverer();
    deliverer.addEndpoint(origin);
    deliverer.send('user.created', BODY);
    await deliverer.idle();
    expect(deliverer.replay(deliverer.messages()[0]?.id ?? '')).toBe(true);
    await deliverer.idle();
    expect(received).toHaveLength(2);
    expect(received[0]?.headers['svix-id']).toBe(received[1]?.headers['svix-id']);
    expect(deliverer.replay('msg_unknown')).toBe(false);
  });

  it('comes twice, late or in the wrong order on demand', async () => {
    const deliverer = createDeliverer();
    deliverer.addEndpoint(origin);
    deliverer.faults = { duplicate: true };
    deliverer.send('one', '{"n":1}');
    await deliverer.idle();
    expect(received.map(({ body }) => body)).toEqual(['{"n":1}', '{"n":1}']);
    received = [];
    deliverer.faults = { reverseEvery: 3, delayMs: 20 };
    const startedAt = Date.now();
    for (const n of [1, 2]) deliverer.send('some', `{"n":${n}}`);
    await deliverer.idle();
    expect(received).toEqual([]);
    deliverer.send('some', '{"n":3}');
    await deliverer.idle();
    expect(Date.now() - startedAt).toBeGreaterThanOrEqual(20);
    expect(
      deliverer
        .messages()
        .slice(0, 3)
        .map(({ body }) => body),
    ).toEqual(['{"n":3}', '{"n":2}', '{"n":1}']);
    expect(received.map(({ body }) => body).toSorted()).toEqual(['{"n":1}', '{"n":2}', '{"n":3}']);
  });
});
