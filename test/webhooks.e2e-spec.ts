import { once } from 'node:events';
import { connect } from 'node:net';

import { createWebhookSecret, signatureHeaders } from 'clerk-sandbox';

import { startTestService, type TestService, until } from './support/service.js';

let service: TestService;
let secret: string;

beforeAll(async () => {
  service = await startTestService();
  secret = service.clerk.webhookSecret;
}, 90_000);

afterAll(() => service.stop());

let count = 0;
const newId = () => `msg_test${(count += 1)}${Math.random().toString(36).slice(2)}`;

function userEvent(type: string, data: object, timestamp = Date.now()): string {
  return JSON.stringify({ data, object: 'event', type, timestamp, instance_id: service.clerk.instanceId });
}

function userData(id: string, updatedAt: number, firstName = 'Ines') {
  return {
    id,
    object: 'user',
    first_name: firstName,
    email_addresses: [{ id: 'idn_1', email_address: `${id}@example.com` }],
    primary_email_address_id: 'idn_1',
    created_at: 1_700_000_000_000,
    updated_at: updatedAt,
  };
}

interface Post {
  readonly id?: string;
  readonly path?: string;
  readonly secret?: string;
  readonly timestampSeconds?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** What is sent, where it is not what was signed. */
  readonly sent?: string | Uint8Array;
}

function post(body: string | Uint8Array, options: Post = {}) {
  const timestampSeconds = options.timestampSeconds ?? Math.floor(Date.now() / 1000);
  const signed = signatureHeaders(
    { id: options.id ?? newId(), timestampSeconds, body },
    options.secret ?? secret,
  );
  return service.call(options.path ?? '/webhooks/clerk', {
    body: options.sent ?? body,
    headers: { ...signed, ...options.headers },
  });
}

const stored = (id: string) => service.prisma.clerkWebhookEvent.findUnique({ where: { id } });
const settled = (id: string) =>
  until(
    () => stored(id),
    (event) => event !== null && event.status !== 'pending',
  );
const row = (clerkId: string) => service.prisma.user.findUnique({ where: { clerkId } });

describe('a webhook that Clerk signed', () => {
  it.each(['/webhooks/clerk', '/api/webhooks/clerk', '/api/webhook/clerk'])(
    'is stored, acknowledged with 204 and applied, at %s',
    async (path) => {
      const [id, clerkId] = [newId(), `user_path${(count += 1)}`];
      const answer = await post(userEvent('user.created', userData(clerkId, 1_800_000_000_000)), {
        id,
        path,
      });
      expect([answer.status, answer.text]).toEqual([204, '']);
      expect(await settled(id)).toMatchObject({ type: 'user.created', status: 'applied', entityId: clerkId });
      expect(await row(clerkId)).toMatchObject({ email: `${clerkId}@example.com`, firstName: 'Ines' });
    },
  );

  it('is verified over the bytes as they came, whatever spacing and escapes they hold', async () => {
    const [id, clerkId] = [newId(), 'user_bytes'];
    const data = JSON.stringify(userData(clerkId, 1_800_000_000_000, 'Zoë')).replace(
      'Zoë',
      String.raw`Zo\u00eb`,
    );
    const body = `{ "data" : ${data},\r\n "type":"user.created" , "timestamp":1800000000000.0 }`;
    expect((await post(body, { id })).status).toBe(204);
    await settled(id);
    expect((await row(clerkId))?.firstName).toBe('Zoë');
  });

  it('is taken under the standard names of the headers too', async () => {
    const body = userEvent('session.created', { id: 'sess_std' });
    const headers = signatureHeaders(
      { id: newId(), timestampSeconds: Math.floor(Date.now() / 1000), body },
      secret,
    );
    const standard = Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name.replace('svix', 'webhook'), value]),
    );
    expect((await service.call('/webhooks/clerk', { body, headers: standard })).status).toBe(204);
  });

  it('that comes twice is stored once and acknowledged both times', async () => {
    const id = newId();
    const body = userEvent('user.created', userData('user_twice', 1_800_000_000_000));
    expect([(await post(body, { id })).status, (await post(body, { id })).status]).toEqual([204, 204]);
    await settled(id);
    expect(await row('user_twice')).toMatchObject({ revision: 0 });
  });

  it('that is older than what the row was written from changes nothing', async () => {
    const [newer, older] = [newId(), newId()];
    await post(userEvent('user.updated', userData('user_order', 1_800_000_000_002, 'New')), { id: newer });
    await settled(newer);
    await post(userEvent('user.created', userData('user_order', 1_800_000_000_001, 'Old')), { id: older });
    expect((await settled(older))?.status).toBe('stale');
    expect((await row('user_order'))?.firstName).toBe('New');
  });

  it('that creates a deleted user brings nobody back, even where the deletion came first', async () => {
    const [deletion, creation] = [newId(), newId()];
    await post(userEvent('user.deleted', { id: 'user_gone', object: 'user', deleted: true }), {
      id: deletion,
    });
    await settled(deletion);
    await post(userEvent('user.created', userData('user_gone', 1_900_000_000_000)), { id: creation });
    expect(await settled(creation)).toMatchObject({ status: 'stale', payload: null });
    expect(await row('user_gone')).toMatchObject({ email: null, firstName: null, isActive: false });
  });

  it('of a user with the address of another is applied: Clerk may tell later that the other has given it up', async () => {
    const addresses = { email_addresses: [{ id: 'idn_1', email_address: 'moved@example.com' }] };
    for (const clerkId of ['user_before', 'user_after']) {
      const id = newId();
      await post(userEvent('user.created', { ...userData(clerkId, 1_800_000_000_000), ...addresses }), {
        id,
      });
      expect(await settled(id)).toMatchObject({ status: 'applied', attempts: 1 });
    }
    for (const clerkId of ['user_before', 'user_after'])
      expect(await row(clerkId)).toMatchObject({ email: 'moved@example.com' });
  });

  it.each([
    [
      'of a type that nobody knows',
      JSON.stringify({ type: 'galaxy.created', data: { id: 'gal_1' } }),
      'galaxy.created',
    ],
    ['that is not JSON', 'not json at all', 'unknown'],
    ['that is empty', '', 'unknown'],
  ])('%s is stored and acknowledged', async (_name, body, type) => {
    const id = newId();
    expect((await post(body, { id })).status).toBe(204);
    expect(await settled(id)).toMatchObject({ type, status: 'ignored' });
  });

  it('with a one-time code in it is acknowledged without its body being kept', async () => {
    const id = newId();
    await post(userEvent('email.created', { id: 'ema_1', body: 'Your code is 424242' }), { id });
    expect(await settled(id)).toMatchObject({ type: 'email.created', payload: null });
  });

  it('with text that PostgreSQL cannot hold is stored all the same', async () => {
    const id = newId();
    const body = userEvent('user.created', userData('user_nul', 1_800_000_000_000, 'a\u0000b\ud800'));
    expect((await post(body, { id })).status).toBe(204);
    expect((await settled(id))?.status).toBe('applied');
    expect((await row('user_nul'))?.firstName).toBe('a\ufffdb\ufffd');
  });

  it('with metadata of five thousand levels, which any user may write about himself, is stored and applied', async () => {
    const id = newId();
    const deep = `${'['.repeat(5_000)}${']'.repeat(5_000)}`;
    const body = userEvent('user.created', {
      ...userData('user_deep', 1_800_000_000_000),
      unsafe_metadata: 'deep',
      public_metadata: { deep: 'deep' },
    }).replaceAll(':"deep"', `:${deep}`);
    expect((await post(body, { id })).status).toBe(204);
    expect((await settled(id))?.status).toBe('applied');
    expect((await row('user_deep'))?.firstName).toBe('Ines');
  });
});

describe('a webhook of two months ago that is sent again, when nothing is left of what it once did', () => {
  const sentMs = Date.now() - 60 * 86_400_000;
  let clerkId: string;

  beforeEach(async () => {
    clerkId = service.clerk.users.create({
      first_name: 'Now',
      email_address: [`${newId()}@example.com`],
    }).id;
    await service.clerk.webhooks.idle();
    await until(
      () => row(clerkId),
      (found) => found !== null,
    );
  });

  async function forget(): Promise<void> {
    await service.prisma.clerkWebhookEvent.deleteMany({ where: { userId: clerkId } });
    await service.prisma.user.delete({ where: { clerkId } });
  }

  async function replay(): Promise<string> {
    const id = newId();
    const { status } = await post(userEvent('user.created', userData(clerkId, sentMs, 'Then'), sentMs), {
      id,
    });
    expect(status).toBe(204);
    return id;
  }

  it('brings back nobody whom Clerk has deleted since: it waits for a second look, and leaves nothing', async () => {
    service.clerk.users.delete(clerkId);
    await service.clerk.webhooks.idle();
    await until(
      () => row(clerkId),
      (found) => found !== null && found.deletedAt !== null && found.email === null,
    );
    await forget();
    const id = await replay();
    const waiting = await until(
      () => stored(id),
      (event) => event !== null && event.lastError !== null,
    );
    expect(waiting).toMatchObject({ status: 'pending', attempts: 0, starts: 0 });
    expect(await settled(id)).toMatchObject({ status: 'stale' });
    expect(await row(clerkId)).toBeNull();
  });

  it('brings a user whom Clerk still has as he is now', async () => {
    await forget();
    expect(await settled(await replay())).toMatchObject({ status: 'applied' });
    expect(await row(clerkId)).toMatchObject({ firstName: 'Now', deletedAt: null });
  });

  it('waits for as long as Clerk does not say, and no failure is counted', async () => {
    await forget();
    service.clerk.faults.add({ kind: 'down', pathPrefix: `/v1/users/${clerkId}` });
    const id = await replay();
    const waiting = await until(
      () => stored(id),
      (event) => event !== null && event.lastError !== null,
    );
    expect(waiting).toMatchObject({ status: 'pending', attempts: 0, starts: 0 });
    expect(waiting?.lastError).toBe('CLERK_UNAVAILABLE');
    expect(await row(clerkId)).toBeNull();
    service.clerk.faults.clear();
    expect(await settled(id)).toMatchObject({ status: 'applied', attempts: 1 });
  });
});

describe('a request that Clerk did not sign', () => {
  const body = () => userEvent('user.created', userData('user_forged', 1_800_000_000_000));
  const seconds = (offset: number) => Math.floor(Date.now() / 1000) + offset;

  it.each<[string, () => ReturnType<typeof post>, number, string]>([
    [
      'without headers',
      () => service.call('/webhooks/clerk', { body: body() }),
      400,
      'WEBHOOK_HEADERS_INVALID',
    ],
    [
      'with another secret',
      () => post(body(), { secret: createWebhookSecret() }),
      400,
      'WEBHOOK_SIGNATURE_INVALID',
    ],
    ['re-serialised', () => post(`${body()} `, { sent: body() }), 400, 'WEBHOOK_SIGNATURE_INVALID'],
    [
      'too old',
      () => post(body(), { timestampSeconds: seconds(-310) }),
      400,
      'WEBHOOK_TIMESTAMP_OUT_OF_TOLERANCE',
    ],
    [
      'from the future',
      () => post(body(), { timestampSeconds: seconds(310) }),
      400,
      'WEBHOOK_TIMESTAMP_OUT_OF_TOLERANCE',
    ],
    [
      'compressed',
      () => post(body(), { headers: { 'content-encoding': 'gzip' } }),
      400,
      'WEBHOOK_BODY_INVALID',
    ],
    ['over 1 MiB', () => post(Buffer.alloc(1_048_577, 'a')), 413, 'WEBHOOK_TOO_LARGE'],
  ])('%s is refused with a code, and nothing is stored', async (_name, send, status, code) => {
    const before = await service.prisma.clerkWebhookEvent.count();
    const answer = await send();
    expect([answer.status, answer.body.code]).toEqual([status, code]);
    expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect(await service.prisma.clerkWebhookEvent.count()).toBe(before);
    expect(await row('user_forged')).toBeNull();
  });

  /** A request whose body does not come, past every client that would wait for it. */
  async function begin(
    headers: Readonly<Record<string, string | number>>,
    sent: Uint8Array = Buffer.alloc(0),
  ) {
    const { hostname, port } = new URL(service.url);
    const socket = connect(Number(port), hostname);
    // From the start: who is refused may be cut off while it still sends.
    socket.on('error', () => undefined);
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    // 0: none.
    const status = new Promise<number>((resolve) => {
      socket.once('data', (answer) => resolve(Number(String(answer).split(' ')[1])));
      socket.once('close', () => resolve(0));
    });
    await once(socket, 'connect');
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.write(`POST /webhooks/clerk HTTP/1.1\r\nhost: ${hostname}\r\n${lines.join('')}\r\n`);
    await new Promise<void>((resolve) => socket.write(sent, () => resolve()));
    return { socket, closed, status };
  }

  const forged = () =>
    signatureHeaders({ id: newId(), timestampSeconds: seconds(0), body: '' }, createWebhookSecret());

  it.each<[string, () => Readonly<Record<string, string | number>>, number]>([
    ['without headers', () => ({ 'content-length': 1_000 }), 400],
    ['that says it is too large', () => ({ ...forged(), 'content-length': 1_048_577 }), 413],
  ])('%s is refused before a byte of its body has come', async (_name, headers, status) => {
    const request = await begin(headers());
    const startedAt = Date.now();
    expect(await request.status).toBe(status);
    expect(Date.now() - startedAt).toBeLessThan(2_000);
    await request.closed;
  });

  it('is waited for no longer than four seconds', async () => {
    const request = await begin({ ...forged(), 'content-length': 1_000 });
    const startedAt = Date.now();
    expect(await request.status).toBe(400);
    expect(Date.now() - startedAt).toBeLessThan(6_000);
    await request.closed;
  });

  it('fills no memory, however many there are: past 64 MiB they get 503 until some are gone', async () => {
    const bytes = 1_048_576;
    const body = Buffer.alloc(bytes - 1, 'a');
    const begun = Array.from({ length: 66 }, () => begin({ ...forged(), 'content-length': bytes }, body));
    const first = await Promise.race(begun.map(async (request) => (await request).status));
    for (const { socket } of await Promise.all(begun)) socket.destroy();
    expect(first).toBe(503);
    const answer = await until(
      () => post(userEvent('role.created', { id: 'role_1' })),
      ({ status }) => status === 204,
    );
    expect(answer.status).toBe(204);
  });

  it('is not found with another method', async () => {
    expect((await service.call('/webhooks/clerk')).status).toBe(404);
  });
});

describe('the offline Clerk and the service together', () => {
  it('end in the same users, whatever is sent twice or in the wrong order', async () => {
    service.clerk.webhooks.faults = { duplicate: true, reverseEvery: 4 };
    const user = service.clerk.users.create({ email_address: ['mixed@example.com'], first_name: 'One' });
    service.clerk.users.update(user.id, { first_name: 'Two' });
    service.clerk.users.update(user.id, { first_name: 'Three' });
    const last = service.clerk.users.update(user.id, { first_name: 'Four' });
    service.clerk.webhooks.faults = {};
    await service.clerk.webhooks.idle();
    const found = await until(
      () => row(user.id),
      (mirrored) => mirrored?.firstName === 'Four',
    );
    expect(found?.sourceUpdatedAtMs).toBe(BigInt(last.updated_at));
    await until(
      () => service.prisma.clerkWebhookEvent.count({ where: { status: 'pending' } }),
      (pending) => pending === 0,
    );
    expect((await row(user.id))?.firstName).toBe('Four');
  });
});
