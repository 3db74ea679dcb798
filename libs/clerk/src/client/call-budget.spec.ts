import { ClerkError } from '../clerk-error.js';
import { CallBudget } from './call-budget.js';

const { jest } = import.meta;
const nothing = () => Promise.resolve();
/** Under way until the test ends. */
const endless = () => new Promise<void>(() => {});

beforeEach(() => jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask'] }));

afterEach(() => jest.useRealTimers());

/** Calls that start within `patienceMs` or are refused; what became of each is in `fates`. */
function setUp({ callsMax = 10, concurrencyMax = 100 } = {}) {
  const budget = new CallBudget({ callsMax, concurrencyMax });
  const startedAtMs = Date.now();
  const fates: string[] = [];
  const call = (patienceMs: number, work: () => Promise<void> = nothing) => {
    const start = () => {
      fates.push(`started at ${Date.now() - startedAtMs}`);
      return work();
    };
    budget.run(start, Date.now() + patienceMs).catch((error: unknown) => {
      if (!(error instanceof ClerkError)) throw error;
      fates.push(`${error.code} ${error.retryAfterSeconds} at ${Date.now() - startedAtMs}`);
    });
  };
  const calls = (count: number, patienceMs: number, work?: () => Promise<void>) => {
    for (let index = 0; index < count; index += 1) call(patienceMs, work);
  };
  return { budget, fates, calls };
}

const times = (count: number, fate: string) => Array.from({ length: count }, () => fate);

describe('the budget of calls', () => {
  it('lets as many start in any ten seconds as Clerk allows, wherever the ten seconds begin', async () => {
    const { fates, calls } = setUp();
    calls(4, 0);
    await jest.advanceTimersByTimeAsync(9_000);
    calls(10, 60_000);
    await jest.advanceTimersByTimeAsync(0);
    expect(fates.splice(0)).toEqual([...times(4, 'started at 0'), ...times(6, 'started at 9000')]);
    await jest.advanceTimersByTimeAsync(999);
    expect(fates).toEqual([]);
    await jest.advanceTimersByTimeAsync(1);
    expect(fates.splice(0)).toEqual(times(4, 'started at 10000'));
    calls(1, 60_000);
    await jest.advanceTimersByTimeAsync(8_999);
    expect(fates).toEqual([]);
    await jest.advanceTimersByTimeAsync(1);
    expect(fates).toEqual(['started at 19000']);
  });

  it('refuses at once what would start too late, and says when there is room', async () => {
    const { fates, calls } = setUp();
    calls(10, 0);
    await jest.advanceTimersByTimeAsync(2_500);
    calls(1, 7_499);
    await jest.advanceTimersByTimeAsync(0);
    expect(fates.slice(10)).toEqual(['CLERK_RATE_LIMITED 8 at 2500']);
    calls(1, 7_501);
    await jest.advanceTimersByTimeAsync(7_500);
    expect(fates.slice(11)).toEqual(['started at 10000']);
  });

  it('counts those who wait already: their turn comes first', async () => {
    const { fates, calls } = setUp();
    calls(5, 0);
    await jest.advanceTimersByTimeAsync(4_000);
    calls(5, 0);
    await jest.advanceTimersByTimeAsync(1_000);
    calls(5, 5_001);
    calls(1, 8_999);
    calls(1, 9_001);
    await jest.advanceTimersByTimeAsync(9_000);
    expect(fates.slice(10)).toEqual([
      'CLERK_RATE_LIMITED 9 at 5000',
      ...times(5, 'started at 10000'),
      'started at 14000',
    ]);
  });

  it('lets no more wait than start in ten seconds', async () => {
    const { fates, calls } = setUp();
    calls(10, 0);
    await jest.advanceTimersByTimeAsync(0);
    calls(1_000, 60_000);
    await jest.advanceTimersByTimeAsync(0);
    expect(fates.slice(10)).toEqual(times(990, 'CLERK_RATE_LIMITED 10 at 0'));
    await jest.advanceTimersByTimeAsync(10_000);
    expect(fates.slice(1_000)).toEqual(times(10, 'started at 10000'));
  });

  it('lets only so many be under way, and refuses in time who waits for one of them in vain', async () => {
    const { fates, calls } = setUp({ concurrencyMax: 3 });
    calls(5, 700, endless);
    await jest.advanceTimersByTimeAsync(699);
    expect(fates).toEqual(times(3, 'started at 0'));
    await jest.advanceTimersByTimeAsync(1);
    expect(fates.slice(3)).toEqual(times(2, 'CLERK_RATE_LIMITED 1 at 700'));
  });

  it('gives the place of a call that ended, or failed, to the next', async () => {
    const { budget, fates, calls } = setUp({ concurrencyMax: 1 });
    const failing = budget.run(() => Promise.reject(new Error('no')), Date.now());
    calls(2, 1_000);
    await expect(failing).rejects.toThrow('no');
    await jest.advanceTimersByTimeAsync(0);
    expect(fates).toEqual(times(2, 'started at 0'));
    expect(jest.getTimerCount()).toBe(0);
  });
});
