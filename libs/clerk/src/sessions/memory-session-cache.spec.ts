import { MemorySessionCache } from './memory-session-cache.js';
import { describeSessionCache } from './session-cache.contract.js';

describe('sessions in memory', () => {
  describeSessionCache(() => {
    let nowMs = 0;
    const wait = (ms: number) => {
      nowMs += ms;
      return Promise.resolve();
    };
    return { cache: new MemorySessionCache(() => nowMs), wait, nowMs: () => nowMs };
  });

  it('are the latest ten thousand', async () => {
    const cache = new MemorySessionCache(() => 0);
    for (let index = 0; index <= 10_000; index += 1) {
      await cache.set({ id: `sess_${index}`, userId: 'user_1', status: 'active', expireAtMs: 1 }, 1_000);
    }
    expect(await cache.get('sess_0')).toBeNull();
    expect(await cache.get('sess_10000')).not.toBeNull();
  });
});
