import { BackendClient } from './backend-client.js';
import { BackendError } from './backend-error.js';
import { BackendUserStore } from './backend-user-store.js';

const { jest } = import.meta;

afterEach(() => jest.useRealTimers());

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('the user of the service', () => {
  it('is asked for once by all who came after others had left', async () => {
    let asked = 0;
    const getToken = () => {
      asked += 1;
      return new Promise<null>(() => {});
    };
    const store = new BackendUserStore(new BackendClient({ baseUrl: '', userId: 'user_a', getToken }));
    const leave = store.subscribe(() => undefined);
    leave();
    // The first question is given up by now, and has not come to its end.
    await Promise.resolve();
    const leaves = [store.subscribe(() => undefined)];
    await turn();
    leaves.push(store.subscribe(() => undefined));
    expect([asked, store.read().outcome]).toEqual([2, 'loading']);
    for (const each of leaves) each();
  });

  it.each([
    ['without Retry-After', null, 5],
    ['with a short one', 2, 5],
    ['with a long one', 30, 30],
  ])(
    'after an error %s (%j s) is asked for again by who comes %d s later, and no sooner',
    async (_name, retryAfterSeconds, pauseSeconds) => {
      jest.useFakeTimers({ doNotFake: ['setImmediate', 'queueMicrotask', 'nextTick'] });
      let asked = 0;
      const getToken = () => {
        asked += 1;
        return asked === 1
          ? Promise.reject(new BackendError('NOT_ALLOWED', { status: 403, retryAfterSeconds }))
          : new Promise<null>(() => {});
      };
      const store = new BackendUserStore(new BackendClient({ baseUrl: '', userId: 'user_a', getToken }));
      const leaves = [store.subscribe(() => undefined)];
      await turn();
      const failed = store.read();
      expect(failed).toMatchObject({ outcome: 'failed', error: { code: 'NOT_ALLOWED' } });
      jest.setSystemTime(Date.now() + pauseSeconds * 1_000 - 1);
      leaves.push(store.subscribe(() => undefined));
      expect([asked, store.read()]).toEqual([1, failed]);
      jest.setSystemTime(Date.now() + 1);
      leaves.push(
        store.subscribe(() => undefined),
        store.subscribe(() => undefined),
      );
      await turn();
      // What went wrong is to be seen until there is something new.
      expect([asked, store.read()]).toEqual([2, failed]);
      for (const each of leaves) each();
    },
  );
});
