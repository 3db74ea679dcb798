import { randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';

import { SEEDED_MACHINE_SECRETS, SEEDED_USERS } from 'clerk-sandbox';

import { ChatMessages } from '../apps/api/src/chat/chat-messages.js';
import { startTestService, type TestService, until } from './support/service.js';

const PATH = '/api/v1/chat';
const { free, pro } = SEEDED_USERS;

describe('chat', () => {
  let service: TestService;

  beforeAll(async () => {
    service = await startTestService();
  }, 90_000);

  afterAll(() => service.stop());

  const token = (userId: string = free.id) => service.clerk.signIn(userId).token;

  it('answers with the name, the tier and what was said before', async () => {
    const first = await service.call(PATH, { token: token(pro.id), body: { message: 'Hello!' } });
    expect([first.status, first.body]).toEqual([
      200,
      {
        answer: 'Hello Paul Pro, you are on the PRO tier. We have not spoken before. Now you say: “Hello!”.',
        user: { clerk_id: pro.id, name: 'Paul Pro', tier: 'PRO' },
        conversation_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        earlier_messages: 0,
      },
    ]);
    const second = await service.call(PATH, { token: token(pro.id), body: { message: 'Again' } });
    expect(second.body).toMatchObject({
      answer: 'Hello Paul Pro, you are on the PRO tier. Before, you said: “Hello!”. Now you say: “Again”.',
      earlier_messages: 2,
    });
  });

  it('streams the answer as server-sent events, and keeps it', async () => {
    const user = service.clerk.users.create({ email_address: ['stream@example.com'], first_name: 'Sven' });
    const headers = { accept: 'text/event-stream' };
    const answer = await service.call(PATH, { token: token(user.id), headers, body: { message: 'Hi' } });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toMatch(/^text\/event-stream/);
    const events = answer.text
      .trim()
      .split('\n\n')
      .map((event) => {
        const [name, data] = event.split('\n');
        return { name: name?.replace('event: ', ''), data: JSON.parse(data?.replace('data: ', '') ?? '') };
      });
    const said = events.filter(({ name }) => name === 'delta').map(({ data }) => data.text);
    expect(said.length).toBeGreaterThan(5);
    expect(events.at(-1)).toMatchObject({
      name: 'done',
      data: { answer: said.join(''), earlier_messages: 0 },
    });
    const next = await service.call(PATH, { token: token(user.id), body: { message: 'And now?' } });
    expect(next.body.earlier_messages).toBe(2);
  });

  it('lets a machine token speak for a user, and for nobody without one', async () => {
    const machine = SEEDED_MACHINE_SECRETS.machineToken;
    const asked = await service.call(PATH, {
      token: machine,
      body: { message: 'Hi', clerk_user_id: free.id },
    });
    expect([asked.status, asked.body.user.clerk_id]).toEqual([200, free.id]);
    const nobody = await service.call(PATH, { token: machine, body: { message: 'Hi' } });
    expect([nobody.status, nobody.body.code]).toEqual([400, 'VALIDATION_FAILED']);
    const unknown = await service.call(PATH, {
      token: machine,
      body: { message: 'Hi', clerk_user_id: 'user_nobody' },
    });
    expect([unknown.status, unknown.body.code]).toEqual([404, 'USER_NOT_FOUND']);
  });

  it('lets nobody else speak for a user', async () => {
    const own = await service.call(PATH, { token: token(), body: { message: 'Hi', clerk_user_id: free.id } });
    expect(own.status).toBe(200);
    for (const other of [token(), SEEDED_MACHINE_SECRETS.apiKey]) {
      const answer = await service.call(PATH, {
        token: other,
        body: { message: 'Hi', clerk_user_id: pro.id },
      });
      expect([answer.status, answer.body.code]).toEqual([403, 'NOT_ALLOWED']);
    }
  });

  it.each<[string, unknown, Record<string, string>, number, string, RegExp]>([
    ['no body', '', {}, 400, 'BAD_REQUEST', /body/i],
    ['invalid JSON', '{"message":', {}, 400, 'BAD_REQUEST', /JSON/],
    [
      'another content type',
      '<m/>',
      { 'content-type': 'text/xml' },
      415,
      'CONTENT_TYPE_NOT_SUPPORTED',
      /media type/i,
    ],
    [
      'a form',
      'message=x',
      { 'content-type': 'application/x-www-form-urlencoded' },
      415,
      'CONTENT_TYPE_NOT_SUPPORTED',
      /media type/i,
    ],
    ['plain text', 'Hi', { 'content-type': 'text/plain' }, 415, 'CONTENT_TYPE_NOT_SUPPORTED', /media type/i],
    ['a prototype', '{"__proto__":{"a":1},"message":"Hi"}', {}, 400, 'BAD_REQUEST', /./],
    ['a NUL', { message: 'a\u0000b' }, {}, 400, 'VALIDATION_FAILED', /^message: .*NUL/],
    [
      'half a character',
      String.raw`{"message":"a\ud800b"}`,
      {},
      400,
      'VALIDATION_FAILED',
      /^message: .*half/,
    ],
    ['a list', '[]', {}, 400, 'VALIDATION_FAILED', /object/],
    ['no message', {}, {}, 400, 'VALIDATION_FAILED', /^message: /],
    ['an empty message', { message: ' \n ' }, {}, 400, 'VALIDATION_FAILED', /^message: must not be empty/],
    [
      'a message of 100 kB',
      { message: 'x'.repeat(100_000) },
      {},
      400,
      'VALIDATION_FAILED',
      /^message: must not exceed 4000/,
    ],
    ['a number', { message: 5 }, {}, 400, 'VALIDATION_FAILED', /^message: /],
    [
      'unknown fields, whose names it does not repeat',
      { message: 'Hi', admin: true },
      {},
      400,
      'VALIDATION_FAILED',
      /^has fields that are not asked for$/,
    ],
    ['no user id', { message: 'Hi', clerk_user_id: 'me' }, {}, 400, 'VALIDATION_FAILED', /^clerk_user_id: /],
    ['a body over 1 MiB', { message: 'x'.repeat(1_048_577) }, {}, 413, 'BODY_TOO_LARGE', /large/i],
  ])('says what is wrong with %s', async (_name, body, headers, status, code, detail) => {
    const answer = await service.call(PATH, { token: token(), body, headers });
    expect([answer.status, answer.body.code]).toEqual([status, code]);
    expect(answer.body.detail).toMatch(detail);
    expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  });

  it('forgets what a user said when the user is deleted', async () => {
    const user = service.clerk.users.create({ email_address: ['leaving@example.com'], first_name: 'Lea' });
    await service.call(PATH, { token: token(user.id), body: { message: 'Remember me' } });
    const messages = () => service.prisma.chatMessage.count({ where: { clerkUserId: user.id } });
    expect(await messages()).toBe(2);
    service.clerk.users.delete(user.id);
    await until(messages, (count) => count === 0);
    const thread = { userId: user.id, conversationId: randomUUID() };
    await new ChatMessages(service.prisma).keep(thread, { question: 'Still here?', answer: 'No.' });
    expect(await messages()).toBe(0);
  });

  it('asks for a token before it looks at what is said', async () => {
    expect((await service.call(PATH, { body: {} })).status).toBe(401);
  });
});

describe('chat with a model behind an OpenAI-compatible endpoint', () => {
  let model: Server;
  let service: TestService;
  const asked: { model: string; messages: { role: string; content: string }[] }[] = [];
  let status = 200;
  let isCutOff = false;

  beforeAll(async () => {
    model = createServer(async (req, res) => {
      let text = '';
      for await (const chunk of req) text += String(chunk);
      asked.push(JSON.parse(text));
      if (status !== 200) return res.writeHead(status).end('{}');
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      for (const content of ['Good ', 'day.']) {
        res.write(`data: ${JSON.stringify({ choices: [{ index: 0, delta: { content } }] })}\n\n`);
      }
      if (isCutOff) return res.end();
      res.write(`data: ${JSON.stringify({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] })}\n\n`);
      return res.end('data: [DONE]\n\n');
    });
    await new Promise<void>((resolve) => model.listen(0, '127.0.0.1', resolve));
    const address = model.address();
    const port = typeof address === 'object' ? address?.port : 0;
    service = await startTestService({
      chatApi: { url: `http://127.0.0.1:${port}/v1`, key: 'test', model: 'small' },
    });
  }, 90_000);

  afterAll(async () => {
    await service.stop();
    model.closeAllConnections();
    model.close();
  });

  it('gives the model the user, the tier and the history, and the user its answer', async () => {
    const ask = (message: string) =>
      service.call(PATH, { token: service.clerk.signIn(pro.id).token, body: { message } });
    expect((await ask('Hello')).body.answer).toBe('Good day.');
    await ask('Again');
    expect(asked.at(-1)?.model).toBe('small');
    expect(asked.at(-1)?.messages).toEqual([
      {
        role: 'system',
        content: 'The user is called Paul Pro. The user is on the PRO tier. Answer briefly.',
      },
      { role: 'user', content: 'Hello' },
      { role: 'assistant', content: 'Good day.' },
      { role: 'user', content: 'Again' },
    ]);
  });

  it('takes no answer that breaks off for a whole one, and keeps nothing of it', async () => {
    isCutOff = true;
    const user = service.clerk.users.create({ email_address: ['cut@example.com'] });
    const { token } = service.clerk.signIn(user.id);
    const answer = await service.call(PATH, { token, body: { message: 'Hello' } });
    isCutOff = false;
    expect([answer.status, answer.body.code]).toEqual([503, 'CHAT_UNAVAILABLE']);
    expect((await service.call(PATH, { token, body: { message: 'Hello' } })).body.earlier_messages).toBe(0);
  });

  it('says 503 while the model does not answer, and keeps nothing of it', async () => {
    status = 500;
    const user = service.clerk.users.create({ email_address: ['model@example.com'] });
    const { token } = service.clerk.signIn(user.id);
    const answer = await service.call(PATH, { token, body: { message: 'Hello' } });
    expect([answer.status, answer.body.code]).toEqual([503, 'CHAT_UNAVAILABLE']);
    expect(answer.headers.get('retry-after')).toBe('5');
    const events = await service.call(PATH, {
      token,
      headers: { accept: 'text/event-stream' },
      body: { message: 'Hello' },
    });
    expect(events.text).toBe('event: error\ndata: {"code":"CHAT_UNAVAILABLE"}\n\n');
    status = 200;
    const next = await service.call(PATH, { token, body: { message: 'Hello' } });
    expect(next.body).toMatchObject({ answer: 'Good day.', earlier_messages: 0 });
  }, 90_000);
});
