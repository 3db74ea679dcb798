import type { ServerResponse } from 'node:http';

import { useAuth } from '@clerk/react';
import { act } from '@testing-library/react';
import { version } from 'react';

import { renderHooks, until } from '../test/render-hooks.js';
import {
  type Answer,
  json,
  problem,
  silence,
  startStream,
  streamed,
  TestBackend,
  writeEvent,
} from '../test/test-backend.js';
import { TestClerk } from '../test/test-clerk.js';
import { useOceanChat } from './use-ocean-chat.js';

const { jest } = import.meta;
const CHAT = 'POST /api/v1/chat';

let backend: TestBackend;

beforeEach(async () => {
  backend = await new TestBackend().start();
});
afterEach(async () => {
  jest.useRealTimers();
  await backend.stop();
});

async function signedIn(clerk = new TestClerk('user_a')) {
  const useHook = () => ({ ...useOceanChat(), isLoaded: useAuth().isLoaded });
  const hook = renderHooks(useHook, { clerk, baseUrl: backend.url });
  await until(() => hook.last().isLoaded);
  /** Null until it is answered. */
  const start = (message: Parameters<ReturnType<typeof useOceanChat>['sendMessage']>[0]) => {
    const sent = { isAnswered: null as boolean | null };
    act(
      () =>
        void hook
          .last()
          .sendMessage(message)
          .then((isAnswered) => (sent.isAnswered = isAnswered)),
    );
    return sent;
  };
  const say = async (message: Parameters<typeof start>[0]) => {
    const sent = start(message);
    await until(() => sent.isAnswered !== null);
    return sent.isAnswered;
  };
  /** What is said, by whom, and how it stands. */
  const lines = () =>
    hook.last().messages.map(({ role, content, status }) => `${role}: ${content} (${status})`);
  return { ...hook, clerk, start, say, lines };
}

function fakeTime(): void {
  jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask', 'setImmediate', 'performance'] });
}

const pass = (ms: number) => act(() => jest.advanceTimersByTimeAsync(ms));

const limited = (seconds: number, headers = {}) =>
  problem(429, 'RATE_LIMITED', { 'retry-after': String(seconds), ...headers });

declare const reactMajor: number;

it('runs under the version of React that its project names', () => {
  expect(version.split('.')[0]).toBe(String(reactMajor));
});

describe('guide Front end: useOceanChat', () => {
  it('shows the answer as it comes', async () => {
    let stream: ServerResponse | undefined;
    backend.on(CHAT, (res) => startStream((stream = res)));
    const { last, lines, start } = await signedIn();
    const said = start('Hello');
    await until(() => stream !== undefined);
    expect(last()).toMatchObject({ isLoading: true, error: null, retryAfterSeconds: 0 });
    expect(lines()).toEqual(['user: Hello (sending)']);
    if (stream === undefined) throw new Error('There is no stream.');
    writeEvent(stream, 'delta', { text: 'Good ' });
    await until(() => lines().length === 2);
    expect(lines()).toEqual(['user: Hello (sent)', 'assistant: Good  (streaming)']);
    writeEvent(stream, 'delta', { text: 'day.' });
    await until(() => lines()[1] === 'assistant: Good day. (streaming)');
    writeEvent(stream, 'done', { answer: 'Good day.' });
    await until(() => said.isAnswered === true);
    expect(lines()).toEqual(['user: Hello (sent)', 'assistant: Good day. (complete)']);
    expect(last()).toMatchObject({ isLoading: false, error: null });
    expect(backend.requests).toMatchObject([
      { body: { message: 'Hello' }, headers: { accept: 'text/event-stream' } },
    ]);
  });

  it('keeps what was said before, with ids of its own', async () => {
    backend.on(CHAT, streamed('One.'), streamed('Two.'));
    const { last, say } = await signedIn();
    await say('First');
    await say('Second');
    expect(last().messages.map(({ content }) => content)).toEqual(['First', 'One.', 'Second', 'Two.']);
    expect(new Set(last().messages.map(({ id }) => id)).size).toBe(4);
  });

  it('stays in the conversation of its first answer', async () => {
    const answered: Answer = (res) => {
      startStream(res);
      writeEvent(res, 'done', { answer: 'Yes.', conversation_id: 'conversation-7' });
      res.end();
    };
    backend.on(CHAT, answered);
    const { say } = await signedIn();
    await say('First');
    await say('Second');
    expect(backend.requests.map(({ body }) => body)).toEqual([
      { message: 'First' },
      { message: 'Second', conversation_id: 'conversation-7' },
    ]);
  });

  it('sends one message at a time, and none that is blank', async () => {
    backend.on(CHAT, silence);
    const { start, say, lines } = await signedIn();
    await expect(say(' \n ')).resolves.toBe(false);
    start('One');
    await until(() => backend.requests.length === 1);
    await expect(say('Two')).resolves.toBe(false);
    expect(lines()).toEqual(['user: One (sending)']);
    expect(backend.requests).toHaveLength(1);
  });

  it('sends nothing while nobody is signed in', async () => {
    const { last, say } = await signedIn(new TestClerk());
    await expect(say('Hello')).resolves.toBe(false);
    expect(last()).toMatchObject({ messages: [], isLoading: false, error: null, retryAfterSeconds: 0 });
    expect(backend.requests).toEqual([]);
  });

  it('tries once more with a fresh token after 401', async () => {
    backend.on(CHAT, problem(401, 'TOKEN_EXPIRED'), streamed('Yes.'));
    const { clerk, say, lines } = await signedIn();
    await expect(say('Hello')).resolves.toBe(true);
    expect(clerk.tokenRequests).toEqual([{ skipCache: false }, { skipCache: true }]);
    expect(lines()).toEqual(['user: Hello (sent)', 'assistant: Yes. (complete)']);
  });

  it.each<[string, Parameters<TestBackend['on']>[1], string, string[]]>([
    ['refused', problem(503, 'CHAT_UNAVAILABLE', { 'retry-after': '0' }), 'CHAT_UNAVAILABLE', []],
    ['cut off by the network', (res) => res.destroy(), 'NETWORK_FAILED', []],
    ['no stream', json({ answer: 'Hi' }), 'ANSWER_MALFORMED', []],
    [
      'broken off by the service',
      (res) => {
        startStream(res);
        writeEvent(res, 'delta', { text: 'Well' });
        writeEvent(res, 'error', { code: 'CHAT_UNAVAILABLE' });
        res.end();
      },
      'CHAT_UNAVAILABLE',
      ['assistant: Well (interrupted)'],
    ],
    [
      'a stream that ends too soon',
      (res) => {
        startStream(res);
        writeEvent(res, 'delta', { text: 'Well' });
        res.end();
      },
      'ANSWER_BROKEN_OFF',
      ['assistant: Well (interrupted)'],
    ],
    [
      'a stream of something else',
      (res) => {
        startStream(res);
        writeEvent(res, 'done', {});
        res.end();
      },
      'ANSWER_MALFORMED',
      [],
    ],
  ])(
    'keeps a message whose answer is %s, and sends it again in its place',
    async (_name, answer, code, half) => {
      backend.on(CHAT, answer, streamed('Better.'), streamed('On.'));
      const { last, say, lines } = await signedIn();
      await expect(say('Hello')).resolves.toBe(false);
      expect(last()).toMatchObject({ isLoading: false, error: { code } });
      expect(lines()).toEqual(['user: Hello (failed)', ...half]);
      const [failed] = last().messages;
      if (failed === undefined) throw new Error('The message is gone.');
      await expect(say(failed)).resolves.toBe(true);
      expect(last().error).toBeNull();
      expect(lines()).toEqual(['user: Hello (sent)', 'assistant: Better. (complete)']);
      // What was answered is not sent again.
      await expect(say(failed)).resolves.toBe(false);
      expect(backend.requests.map(({ body }) => body)).toEqual([{ message: 'Hello' }, { message: 'Hello' }]);
    },
  );
});

describe('guide Front end: the rate limit', () => {
  it('is waited for, counted down, and the message sent once more', async () => {
    fakeTime();
    backend.on(CHAT, limited(3), streamed('Now.'));
    const { last, lines, start, seen } = await signedIn();
    const said = start('Hello');
    await until(() => last().retryAfterSeconds === 3);
    expect(last()).toMatchObject({ isLoading: true, error: null });
    expect(lines()).toEqual(['user: Hello (waiting)']);
    await pass(1_000);
    expect(last().retryAfterSeconds).toBe(2);
    await pass(1_999);
    expect([last().retryAfterSeconds, backend.requests.length]).toEqual([1, 1]);
    await pass(1);
    await until(() => said.isAnswered === true);
    expect(lines()).toEqual(['user: Hello (sent)', 'assistant: Now. (complete)']);
    expect([...new Set(seen.map(({ retryAfterSeconds }) => retryAfterSeconds))]).toEqual([0, 3, 2, 1]);
    expect([backend.requests.length, jest.getTimerCount()]).toEqual([2, 0]);
  });

  it('is waited for once: the message fails at the second, and may be sent when the countdown ends', async () => {
    fakeTime();
    backend.on(CHAT, limited(1), limited(2), streamed('Now.'));
    const { last, lines, start, say } = await signedIn();
    const said = start('Hello');
    await until(() => last().retryAfterSeconds === 1);
    await pass(1_000);
    await until(() => said.isAnswered === false);
    expect(last()).toMatchObject({ isLoading: false, error: { code: 'RATE_LIMITED' }, retryAfterSeconds: 2 });
    expect(lines()).toEqual(['user: Hello (failed)']);
    await pass(2_000);
    expect(last()).toMatchObject({ retryAfterSeconds: 0, error: { code: 'RATE_LIMITED' } });
    expect([backend.requests.length, jest.getTimerCount()]).toEqual([2, 0]);
    const [failed] = last().messages;
    if (failed !== undefined) await say(failed);
    expect(lines()).toEqual(['user: Hello (sent)', 'assistant: Now. (complete)']);
  });

  it.each([
    [60, true],
    [61, false],
  ])('of %d s is waited for: %s', async (seconds, isWaitedFor) => {
    fakeTime();
    backend.on(CHAT, limited(seconds));
    const { last, lines, start } = await signedIn();
    start('Hello');
    await until(() => last().retryAfterSeconds === seconds);
    expect(last().isLoading).toBe(isWaitedFor);
    expect(lines()).toEqual([`user: Hello (${isWaitedFor ? 'waiting' : 'failed'})`]);
    expect(jest.getTimerCount()).toBe(1);
  });

  it('is forgotten with its error when something else is sent', async () => {
    fakeTime();
    backend.on(CHAT, limited(90), silence);
    const { last, say, start } = await signedIn();
    await say('Hello');
    expect(last()).toMatchObject({
      error: { code: 'RATE_LIMITED', retryAfterSeconds: 90 },
      retryAfterSeconds: 90,
    });
    start('Again');
    expect(last()).toMatchObject({ isLoading: true, error: null, retryAfterSeconds: 0 });
    expect(jest.getTimerCount()).toBe(0);
  });

  it('shows what is left of it, a refusal too', async () => {
    const policy = { 'ratelimit-policy': '"minute";q=2;w=60' };
    const spent = (left: number) => ({ ...policy, ratelimit: `"minute";r=${left};t=60` });
    backend.on(CHAT, problem(503, 'CHAT_UNAVAILABLE', spent(1)), limited(90, spent(0)));
    const { last, say } = await signedIn();
    expect(last().budgets).toEqual([]);
    await say('Hello');
    expect(last().budgets).toEqual([{ name: 'minute', quota: 2, left: 1, resetSeconds: 60 }]);
    await say('Hello');
    expect(last().budgets).toEqual([{ name: 'minute', quota: 2, left: 0, resetSeconds: 60 }]);
  });

  it('counts by the clock: a computer that slept is not behind', async () => {
    fakeTime();
    backend.on(CHAT, limited(90));
    const { last, say } = await signedIn();
    await say('Hello');
    expect(last().retryAfterSeconds).toBe(90);
    jest.setSystemTime(Date.now() + 80_000);
    await pass(1_000);
    expect(last().retryAfterSeconds).toBe(9);
  });

  it('is counted down to its end when a message has failed for it, whether or not `stop` is called', async () => {
    fakeTime();
    backend.on(CHAT, limited(90));
    const { last, say } = await signedIn();
    await say('Hello');
    act(() => last().stop());
    expect(last()).toMatchObject({ retryAfterSeconds: 90, error: { code: 'RATE_LIMITED' } });
    await pass(1_000);
    expect(last().retryAfterSeconds).toBe(89);
    await pass(89_000);
    expect([last().retryAfterSeconds, jest.getTimerCount()]).toEqual([0, 0]);
  });

  it('leaves no timer behind when the wait is stopped, or nobody looks any more', async () => {
    fakeTime();
    backend.on(CHAT, limited(5), limited(90));
    const { last, lines, start, say, unmount } = await signedIn();
    const said = start('Hello');
    await until(() => last().retryAfterSeconds === 5);
    act(() => last().stop());
    await until(() => said.isAnswered === false);
    expect(last()).toMatchObject({ isLoading: false, error: null, retryAfterSeconds: 0 });
    expect([lines(), jest.getTimerCount()]).toEqual([['user: Hello (failed)'], 0]);
    await say('Again');
    expect(jest.getTimerCount()).toBe(1);
    unmount();
    expect(jest.getTimerCount()).toBe(0);
    expect(backend.requests).toHaveLength(2);
  });
});

describe('what is under way', () => {
  it('is given up when the component goes', async () => {
    backend.on(CHAT, startStream);
    const { start, unmount } = await signedIn();
    start('Hello');
    await until(() => backend.requests.length === 1);
    unmount();
    await until(() => backend.abortedCount === 1);
    expect(backend.requests).toHaveLength(1);
  });

  it('is given up when somebody else signs in, who sees nothing of it', async () => {
    backend.on(CHAT, startStream, streamed('Hello, B.'));
    const { clerk, start, lines, say, seen } = await signedIn();
    start('A secret of A');
    await until(() => backend.requests.length === 1);
    const before = seen.length;
    act(() => clerk.switchTo('user_b'));
    await until(() => backend.abortedCount === 1);
    expect(seen.slice(before).every(({ messages }) => messages.length === 0)).toBe(true);
    await say('Hi');
    expect(lines()).toEqual(['user: Hi (sent)', 'assistant: Hello, B. (complete)']);
    expect(backend.requests[1]?.token).toContain(Buffer.from('{"sub":"user_b"}').toString('base64url'));
  });
});
