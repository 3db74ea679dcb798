import { problem, TestBackend } from '../test/test-backend.js';
import { tokenOf } from '../test/test-clerk.js';
import { BackendClient } from './backend-client.js';
import { Chat } from './chat.js';

const { jest } = import.meta;

let backend: TestBackend;

beforeEach(async () => {
  backend = await new TestBackend().start();
});
afterEach(async () => {
  jest.useRealTimers();
  await backend.stop();
});

describe('a chat that is looked at again', () => {
  // As React does with a component that it hides and shows.
  it.each([
    [30, 60],
    [89, 1],
    [90, 0],
    [500, 0],
  ])('%d s later: its countdown of 90 s is at %d, and ends', async (awaySeconds, secondsLeft) => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask', 'setImmediate', 'performance'] });
    backend.on('POST /api/v1/chat', problem(429, 'RATE_LIMITED', { 'retry-after': '90' }));
    const getToken = async () => tokenOf('user_a');
    const chat = new Chat(new BackendClient({ baseUrl: backend.url, userId: 'user_a', getToken }));
    const look = () => chat.subscribe(() => undefined);
    const [leave, sent] = [look(), chat.send('Hello')];
    await expect(sent).resolves.toBe(false);
    expect([chat.read().retryAfterSeconds, jest.getTimerCount()]).toEqual([90, 1]);
    chat.stop();
    leave();
    expect(jest.getTimerCount()).toBe(0);
    jest.setSystemTime(Date.now() + awaySeconds * 1_000);
    const leaveAgain = look();
    expect(chat.read().retryAfterSeconds).toBe(secondsLeft);
    await jest.advanceTimersByTimeAsync(secondsLeft * 1_000);
    expect([chat.read().retryAfterSeconds, jest.getTimerCount()]).toEqual([0, 0]);
    leaveAgain();
  });
});
