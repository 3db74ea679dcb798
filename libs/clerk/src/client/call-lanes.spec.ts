import { callsMaxOf, createCallLanes, type LaneName } from './call-lanes.js';

const { jest } = import.meta;

beforeEach(() => jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask'] }));

afterEach(() => jest.useRealTimers());

describe('calls of different kinds', () => {
  it.each([
    ['sk_live_abc', 1_000],
    ['sk_test_abc', 100],
    [null, 100],
  ])('are as many as Clerk takes for the key: %s', (secretKey, expected) => {
    expect(callsMaxOf(secretKey)).toBe(expected);
  });

  it.each([
    [5_000, { host: 5_000, background: 60_000, stranger: 1_000 }],
    [200, { host: 200, background: 60_000, stranger: 200 }],
  ])(
    'wait for their turn as long as somebody waits for them: %i ms an answer',
    (requestTimeoutMs, expected) => {
      const { host, background, stranger } = createCallLanes({ callsMax: 100, requestTimeoutMs });
      const patience = {
        host: host.patienceMs,
        background: background.patienceMs,
        stranger: stranger.patienceMs,
      };
      expect(patience).toEqual(expected);
    },
  );

  it('leave a quarter to the host, whatever strangers and long jobs do', async () => {
    const lanes = createCallLanes({ callsMax: 100, requestTimeoutMs: 5_000 });
    const started: Record<LaneName, number> = { stranger: 0, background: 0, host: 0 };
    const flood = async (name: LaneName) => {
      const { budgets, patienceMs } = lanes[name];
      const call = budgets.reduceRight(
        (work, budget) => () => budget.run(work, Date.now() + patienceMs),
        () => Promise.resolve(void (started[name] += 1)),
      );
      for (let index = 0; index < 200; index += 1) call().catch(() => undefined);
      await jest.advanceTimersByTimeAsync(0);
    };
    await flood('stranger');
    await flood('background');
    await flood('host');
    expect(started).toEqual({ stranger: 50, background: 25, host: 25 });
  });
});
