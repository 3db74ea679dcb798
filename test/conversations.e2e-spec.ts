import { SEEDED_MACHINE_SECRETS, signatureHeaders } from 'clerk-sandbox';

import { ChatMessages } from '../apps/api/src/chat/chat-messages.js';
import { createPerson } from './support/person.js';
import { startTestService, type TestService, until } from './support/service.js';

let service: TestService;

beforeAll(async () => {
  service = await startTestService();
}, 90_000);

afterAll(() => service.stop());

const PATH = '/api/v1/chat';
const machine = SEEDED_MACHINE_SECRETS.machineToken;
const person = () => createPerson(service);
const say = (token: string, body: object) => service.call(PATH, { token, body });
const list = (token: string, query = '') => service.call(`${PATH}/conversations${query}`, { token });
const read = (token: string, id: string, query = '') => list(token, `/${id}${query}`);

describe('guide Ocean chat', () => {
  it('a signed webhook brings the user user_test123', async () => {
    expect((await deliver('user.created', 1_800_000_000_000)).status).toBe(204);
    await until(
      () => service.prisma.user.findUnique({ where: { clerkId: 'user_test123' } }),
      (row) => row !== null,
    );
  });

  it('GET /api/users/by-clerk/user_test123 finds him', async () => {
    await deliver('user.created', 1_800_000_000_000);
    const find = () => service.call('/api/users/by-clerk/user_test123', { token: machine });
    const { body } = await until(find, ({ status }) => status === 200);
    expect(body.user).toMatchObject({ clerk_id: 'user_test123', first_name: 'Tess', tier: 'PRO' });
  });

  it('POST /api/v1/chat as that user answers with what the mirror knows of him', async () => {
    await deliver('user.created', 1_800_000_000_000);
    const ask = () => say(machine, { message: 'Hi', clerk_user_id: 'user_test123', conversation_id: null });
    const { body } = await until(ask, ({ status }) => status === 200);
    expect(body.answer).toMatch(/^Hello Tess Reef, you are on the PRO tier\. /);
    await deliver('user.updated', 1_800_000_000_001, { first_name: 'Theresa' });
    await until(ask, ({ body: next }) => next.user.name === 'Theresa Reef');
  });

  it('POST /api/v1/chat with Accept: text/event-stream streams the answer, and says which conversation it is of', async () => {
    const { token } = await person();
    const headers = { accept: 'text/event-stream' };
    const { text } = await service.call(PATH, { token, headers, body: { message: 'Hi' } });
    const done = JSON.parse(/event: done\ndata: (.*)\n/.exec(text)?.[1] ?? '{}');
    const { body } = await list(token);
    expect(done.conversation_id).toBe(body.conversations[0].id);
  });

  it('GET /api/v1/chat/conversations lists the conversations, page after page, the newest first', async () => {
    const [{ token }, other] = await Promise.all([person(), person()]);
    for (const message of ['one', 'two', 'three']) await say(token, { message, conversation_id: null });
    await say(other.token, { message: 'not mine' });
    const first = await list(token, '?limit=2');
    const titles = ({ body }: typeof first) =>
      body.conversations.map(({ title }: { title: string }) => title);
    expect(titles(first)).toEqual(['three', 'two']);
    const second = await list(token, `?limit=2&cursor=${first.body.next_cursor}`);
    expect([titles(second), second.body.next_cursor]).toEqual([['one'], null]);
  });

  it('GET /api/v1/chat/conversations/:id reads a conversation again, page after page, the newest first', async () => {
    const { token } = await person();
    const { body } = await say(token, { message: 'one' });
    const id = body.conversation_id;
    await say(token, { message: 'two', conversation_id: id });
    const first = await read(token, id, '?limit=3');
    expect(first.body.conversation).toEqual({ id, title: 'one', created_at: expect.stringMatching(/Z$/) });
    const said = ({ body: page }: typeof first) =>
      page.messages.map(({ role, content }: { role: string; content: string }) => [
        role,
        content.slice(0, 5),
      ]);
    expect(said(first)).toEqual([
      ['assistant', 'Hello'],
      ['user', 'two'],
      ['assistant', 'Hello'],
    ]);
    const second = await read(token, id, `?limit=3&cursor=${first.body.next_cursor}`);
    expect([said(second), second.body.next_cursor]).toEqual([[['user', 'one']], null]);
  });

  it('POST /api/v1/chat with conversation_id goes on where that conversation was', async () => {
    const { token } = await person();
    const first = await say(token, { message: 'of fish' });
    const second = await say(token, { message: 'of boats', conversation_id: null });
    expect(second.body).toMatchObject({ earlier_messages: 0 });
    expect(second.body.conversation_id).not.toBe(first.body.conversation_id);
    const third = await say(token, { message: 'more', conversation_id: first.body.conversation_id });
    expect(third.body.conversation_id).toBe(first.body.conversation_id);
    expect([third.body.answer, third.body.earlier_messages]).toEqual([
      expect.stringContaining('Before, you said: “of fish”.'),
      2,
    ]);
  });

  it('POST /api/v1/chat without conversation_id goes on with the conversation in which something was said last', async () => {
    const { token } = await person();
    await say(token, { message: 'of boats' });
    const { body } = await say(token, { message: 'of fish', conversation_id: null });
    await say(token, { message: 'of reefs', conversation_id: null });
    await say(token, { message: 'again of fish', conversation_id: body.conversation_id });
    const next = await say(token, { message: 'and?' });
    expect(next.body).toMatchObject({
      conversation_id: body.conversation_id,
      earlier_messages: 4,
    });
  });
});

describe('a conversation', () => {
  it('is there for nobody else: 404 to read and to go on, as one that is not there', async () => {
    const [ada, ben] = await Promise.all([person(), person()]);
    const { body } = await say(ada.token, { message: 'secret' });
    for (const id of [body.conversation_id, '00000000-0000-4000-8000-000000000000']) {
      for (const answer of [
        await read(ben.token, id),
        await say(ben.token, { message: 'Hi', conversation_id: id }),
        await say(machine, { message: 'Hi', clerk_user_id: ben.id, conversation_id: id }),
      ]) {
        expect([answer.status, answer.body.code]).toEqual([404, 'CONVERSATION_NOT_FOUND']);
      }
    }
    expect(await service.prisma.chatMessage.count({ where: { clerkUserId: ben.id } })).toBe(0);
  });

  it('has a title of 80 whole characters', async () => {
    const { token } = await person();
    await say(token, { message: '🐟'.repeat(100) });
    expect((await list(token)).body.conversations[0].title).toBe('🐟'.repeat(80));
  });

  it('keeps each question with its answer when two go on at once', async () => {
    const { token } = await person();
    const { body } = await say(token, { message: 'first' });
    const conversation_id = body.conversation_id;
    const answers = await Promise.all(
      Array.from({ length: 6 }, (_, index) => say(token, { message: `m${index}`, conversation_id })),
    );
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 200]);
    const rows = await service.prisma.chatMessage.groupBy({
      by: ['role'],
      where: { conversationId: conversation_id },
      _count: true,
      orderBy: { role: 'asc' },
    });
    expect(rows).toEqual([
      { role: 'assistant', _count: 7 },
      { role: 'user', _count: 7 },
    ]);
  });

  it('is begun once by several first questions at once', async () => {
    const { token } = await person();
    const answers = await Promise.all(['a', 'b', 'c', 'd'].map((message) => say(token, { message })));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    const { body } = await list(token);
    expect(body.conversations).toHaveLength(1);
    const ids = answers.map(({ body: answer }) => answer.conversation_id);
    expect(new Set(ids)).toEqual(new Set([body.conversations[0].id]));
    expect((await read(token, ids[0])).body.messages).toHaveLength(8);
  });

  it('stays in order when the clock of another process was ahead, each answer behind its question', async () => {
    const { id, token } = await person();
    const { body } = await say(token, { message: 'one' });
    const ahead = { clerkUserId: id, conversationId: body.conversation_id, role: 'assistant' };
    const createdAt = new Date(Date.now() + 3_600_000);
    await service.prisma.chatMessage.create({ data: { ...ahead, content: 'ahead', createdAt } });
    await Promise.all(['two', 'three', 'four'].map((message) => say(token, { message })));
    const { messages } = (await read(token, body.conversation_id)).body;
    const roles = messages.map(({ role }: { role: string }) => role);
    expect(roles).toEqual([
      ...Array.from({ length: 3 }, () => ['assistant', 'user']).flat(),
      'assistant',
      'assistant',
      'user',
    ]);
    expect(messages[6].content).toBe('ahead');
  });

  it('keeps the first 100,000 characters of an answer', async () => {
    const { id } = await person();
    const thread = { userId: id, conversationId: '00000000-0000-4000-8000-0000000000cc' };
    const answer = `${'x'.repeat(99_999)}🐟`;
    await new ChatMessages(service.prisma).keep(thread, { question: 'Long?', answer });
    const [, kept] = await new ChatMessages(service.prisma).recent(thread);
    expect(kept?.content).toBe(`${'x'.repeat(99_999)}\ufffd`);
  });

  it('is listed and read with an API key of its user, as it is gone on with', async () => {
    const apiKey = SEEDED_MACHINE_SECRETS.apiKey;
    const { body } = await say(apiKey, { message: 'by key', conversation_id: null });
    expect((await list(apiKey)).body.conversations[0].id).toBe(body.conversation_id);
    expect((await read(apiKey, body.conversation_id)).status).toBe(200);
    expect((await list(machine)).status).toBe(401);
  });

  it('goes with its user', async () => {
    const { id, token } = await person();
    await say(token, { message: 'Remember me' });
    service.clerk.users.delete(id);
    await until(
      () => service.prisma.conversation.count({ where: { clerkUserId: id } }),
      (count) => count === 0,
    );
    expect(await service.prisma.chatMessage.count({ where: { clerkUserId: id } })).toBe(0);
  });

  it.each([
    ['an id that is none', '/1'],
    ['a bad cursor', '?cursor=abc'],
    ['a bad cursor within it', '/00000000-0000-4000-8000-000000000000?cursor=abc'],
    ['a bad limit', '?limit=0'],
  ])('is 400 for %s', async (_name, path) => {
    const { token } = await person();
    const answer = await list(token, path);
    expect([answer.status, answer.body.code]).toEqual([400, 'VALIDATION_FAILED']);
  });

  it.each([['no uuid'], [5], [{}]])('is not gone on with by %j: 400', async (conversation_id) => {
    const { token } = await person();
    const answer = await say(token, { message: 'Hi', conversation_id });
    expect([answer.status, answer.body.code]).toEqual([400, 'VALIDATION_FAILED']);
  });

  it.each(['', '/00000000-0000-4000-8000-000000000000'])('is 401 without a token: %s', async (path) => {
    const answer = await service.call(`${PATH}/conversations${path}`);
    expect([answer.status, answer.body.code]).toEqual([401, 'TOKEN_MISSING']);
  });
});

/** The webhook of the guide, signed as Clerk signs it. */
function deliver(type: string, updatedAt: number, changes: object = {}) {
  const data = {
    id: 'user_test123',
    object: 'user',
    first_name: 'Tess',
    last_name: 'Reef',
    email_addresses: [{ id: 'idn_1', email_address: 'tess.reef@example.com' }],
    primary_email_address_id: 'idn_1',
    public_metadata: { tier: 'PRO' },
    created_at: 1_700_000_000_000,
    updated_at: updatedAt,
    ...changes,
  };
  const { instanceId, webhookSecret } = service.clerk;
  const body = JSON.stringify({ data, object: 'event', type, timestamp: updatedAt, instance_id: instanceId });
  const timestampSeconds = Math.floor(Date.now() / 1000);
  const id = `msg_guide${updatedAt}`;
  const headers = signatureHeaders({ id, timestampSeconds, body }, webhookSecret);
  return service.call('/webhooks/clerk', { body, headers });
}
