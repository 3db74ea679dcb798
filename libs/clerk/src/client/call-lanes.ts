import { CallBreaker } from './call-breaker.js';
import { CallBudget } from './call-budget.js';

/** Whose calls they are: the host's own, a long job's, or those that a stranger causes with a token he made up. */
export type LaneName = 'host' | 'background' | 'stranger';

/** What calls of one kind have to pass. */
export interface CallLane {
  /** All of them in turn, the last one shared by all lanes. */
  readonly budgets: readonly CallBudget[];
  readonly breaker: CallBreaker;
  /** No request starts later than this after the call, milliseconds. */
  readonly patienceMs: number;
}

const CONCURRENCY_MAX = 32;
/** Clerk's windows are ten seconds: a job that can wait sits out several. */
const BACKGROUND_PATIENCE_MS = 60_000;
/** A guarded request waits for this, and others behind it. */
const STRANGER_PATIENCE_MS = 1_000;

/** Requests that Clerk takes in ten seconds. https://clerk.com/docs/guides/how-clerk-works/system-limits */
export function callsMaxOf(secretKey: string | null): number {
  return secretKey?.startsWith('sk_live_') === true ? 1_000 : 100;
}

/** A quarter of what Clerk allows is always left to the host: long jobs get a quarter at most, strangers half. */
export function createCallLanes(options: {
  callsMax: number;
  requestTimeoutMs: number;
}): Readonly<Record<LaneName, CallLane>> {
  const { callsMax, requestTimeoutMs } = options;
  const all = new CallBudget({ callsMax, concurrencyMax: CONCURRENCY_MAX });
  const share = (part: number) =>
    new CallBudget({ callsMax: callsMax * part, concurrencyMax: CONCURRENCY_MAX * part });
  const breaker = new CallBreaker('calls');
  return {
    host: { budgets: [all], breaker, patienceMs: requestTimeoutMs },
    background: { budgets: [share(0.25), all], breaker, patienceMs: BACKGROUND_PATIENCE_MS },
    stranger: {
      budgets: [share(0.5), all],
      // Its own: a token that Clerk chokes on must not cut the host off, and half an outage not log machines out.
      breaker: new CallBreaker('verifications of machine tokens'),
      patienceMs: Math.min(STRANGER_PATIENCE_MS, requestTimeoutMs),
    },
  };
}
