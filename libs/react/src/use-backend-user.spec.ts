import { act, renderHook } from '@testing-library/react';

import { renderHooks, until } from '../test/render-hooks.js';
import { json, ownUser, problem, silence, TestBackend, userOf } from '../test/test-backend.js';
import { TestClerk } from '../test/test-clerk.js';
import { useBackend } from './backend-provider.js';
import { type UseBackendUser, useBackendUser } from './use-backend-user.js';

const { jest } = import.meta;
const ME = 'GET /api/users/me';
const SYNC = 'POST /api/users/sync';

let backend: TestBackend;

beforeEach(async () => {
  backend = await new TestBackend().start();
});
afterEach(async () => {
  jest.useRealTimers();
  await backend.stop();
});

const show = (clerk: TestClerk, copies = 1) =>
  renderHooks(() => useBackendUser(), { clerk, baseUrl: backend.url, copies });

describe('guide Front end: useBackendUser', () => {
  it('gives the user at Clerk and in the database', async () => {
    backend.on(ME, ownUser);
    const { last, seen } = show(new TestClerk('user_a'));
    expect(seen[0]).toEqual({ backendUser: null, clerkUser: null, loading: true, error: null });
    await until(() => !last().loading);
    expect(last()).toMatchObject({ backendUser: userOf('user_a'), clerkUser: { id: 'user_a' }, error: null });
    expect(backend.routes()).toEqual([ME]);
  });

  // StrictMode mounts a component twice: one that is late finds a user to load both times.
  it.each([
    [1, true],
    [5, true],
    [5, false],
  ])('asks once for %d components under StrictMode; late: %s', async (copies, isLate) => {
    backend.on(ME, ownUser);
    const clerk = new TestClerk('user_a');
    const { last, seen } = renderHooks(useBackendUser, { clerk, baseUrl: backend.url, copies, isLate });
    await until(() => seen.length > 0 && last().backendUser !== null);
    expect(backend.routes()).toEqual([ME]);
    expect(clerk.tokenRequests).toHaveLength(1);
  });

  it('syncs a user who is not in the database, once', async () => {
    backend.on(ME, problem(404, 'USER_NOT_FOUND'));
    backend.on(SYNC, json({ message: 'User created', user: userOf('user_a', { tier: 'PRO' }) }));
    const { last } = show(new TestClerk('user_a'), 3);
    await until(() => last().backendUser !== null);
    expect(last()).toMatchObject({ backendUser: { clerk_id: 'user_a', tier: 'PRO' }, loading: false });
    expect(backend.routes()).toEqual([ME, SYNC]);
  });

  it('says so when the user cannot be synced', async () => {
    backend.on(ME, problem(404, 'USER_NOT_FOUND')).on(SYNC, problem(503, 'CLERK_UNAVAILABLE'));
    const { last } = show(new TestClerk('user_a'));
    await until(() => !last().loading);
    expect(last()).toMatchObject({
      backendUser: null,
      clerkUser: { id: 'user_a' },
      error: { code: 'CLERK_UNAVAILABLE' },
    });
    expect(backend.routes()).toEqual([ME, SYNC]);
  });

  it('tries once more with a fresh token after 401', async () => {
    backend.on(ME, problem(401, 'TOKEN_EXPIRED'), ownUser);
    const clerk = new TestClerk('user_a');
    const { last } = show(clerk);
    await until(() => last().backendUser !== null);
    expect(clerk.tokenRequests).toEqual([{ skipCache: false }, { skipCache: true }]);
  });

  it('waits out a rate limit, loading all the while', async () => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask', 'setImmediate', 'performance'] });
    backend.on(ME, problem(429, 'RATE_LIMITED', { 'retry-after': '2' }), ownUser);
    const { last, seen } = show(new TestClerk('user_a'));
    await until(() => backend.requests.length === 1 && jest.getTimerCount() > 0);
    await act(() => jest.advanceTimersByTimeAsync(1_999));
    expect([backend.requests.length, last().loading]).toEqual([1, true]);
    await act(() => jest.advanceTimersByTimeAsync(1));
    await until(() => last().backendUser !== null);
    expect(seen.every(({ error }) => error === null)).toBe(true);
  });

  it.each<[string, object]>([
    ['of somebody else', { user: userOf('user_b') }],
    ['that is no user', { user: { clerk_id: 'user_a' } }],
    ['without a user', {}],
  ])('refuses an answer %s', async (_name, body) => {
    backend.on(ME, json(body));
    const { last } = show(new TestClerk('user_a'));
    await until(() => !last().loading);
    expect(last()).toMatchObject({ backendUser: null, error: { code: 'ANSWER_MALFORMED' } });
  });

  it('loads nothing while Clerk is not loaded, and nothing for nobody', async () => {
    const clerk = new TestClerk();
    clerk.loaded = false;
    const waiting = show(clerk);
    await until(() => waiting.seen.length > 1);
    expect(waiting.last()).toEqual({ backendUser: null, clerkUser: null, loading: true, error: null });
    waiting.unmount();
    const { last } = show(new TestClerk());
    await until(() => !last().loading);
    expect(last()).toEqual({ backendUser: null, clerkUser: null, loading: false, error: null });
    expect(backend.requests).toEqual([]);
  });

  it('never shows one user the data of another', async () => {
    backend.on(ME, ownUser, silence, ownUser);
    const clerk = new TestClerk('user_a');
    const { last, seen } = show(clerk);
    await until(() => last().backendUser !== null);
    act(() => clerk.switchTo('user_b'));
    expect(last()).toMatchObject({ backendUser: null, clerkUser: { id: 'user_b' }, loading: true });
    await until(() => backend.requests.length === 2);
    // Gives up what was asked for the second.
    act(() => clerk.switchTo('user_c'));
    await until(() => backend.abortedCount === 1 && last().backendUser !== null);
    expect(last().backendUser?.clerk_id).toBe('user_c');
    act(() => clerk.switchTo(null));
    expect(last()).toEqual({ backendUser: null, clerkUser: null, loading: false, error: null });
    const shown = seen.filter(({ backendUser }) => backendUser !== null);
    expect(shown.every(({ backendUser, clerkUser }) => backendUser?.clerk_id === clerkUser?.id)).toBe(true);
  });

  it('gives up when nobody looks any more, and asks anew after an error', async () => {
    backend.on(ME, silence, problem(503, 'DATABASE_UNAVAILABLE'), ownUser);
    const first = show(new TestClerk('user_a'));
    await until(() => backend.requests.length === 1);
    first.unmount();
    await until(() => backend.abortedCount === 1);
    const second = show(new TestClerk('user_a'));
    await until(() => second.last().error !== null);
    expect(second.last()).toMatchObject({
      loading: false,
      error: { code: 'DATABASE_UNAVAILABLE', status: 503 },
    });
    second.unmount();
    const third = show(new TestClerk('user_a'));
    await until(() => third.last().backendUser !== null);
  });

  it('asks once where a component that appears with the error uses the hook as well', async () => {
    backend.on(ME, problem(403, 'NOT_ALLOWED'));
    const hasInner = ({ error }: UseBackendUser) => error !== null;
    const options = { clerk: new TestClerk('user_a'), baseUrl: backend.url, hasInner };
    const { last, seen } = renderHooks(useBackendUser, options);
    await until(() => last().error !== null);
    const before = seen.length;
    // As many turns as a loop would need to be seen.
    for (let turn = 0; turn < 50; turn += 1)
      await act(() => new Promise<void>((resolve) => setImmediate(resolve)));
    expect(backend.routes()).toEqual([ME]);
    expect(seen.slice(before).every(({ error }) => error?.code === 'NOT_ALLOWED')).toBe(true);
  });

  it('asks for its provider', () => {
    const silent = jest.spyOn(console, 'error').mockImplementation(() => undefined);
    expect(() => renderHook(useBackend)).toThrow(/<BackendProvider>/);
    silent.mockRestore();
  });
});
