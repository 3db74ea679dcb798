import type { LimitedWindow } from '../tiers/limited-window.js';
import type { Tier } from '../tiers/tier.js';
import { UnitCounter } from './unit-counter.js';
import { UnitLog } from './unit-log.js';

/** So many accounts are looked at to find the one that goes. */
const EXAMINED_MAX = 8;

/** What a principal has spent in one window, which is the window of the tier that it was last seen in. */
export type WindowUnits = UnitLog | UnitCounter;

/** What one principal has spent. */
export interface Account {
  readonly principal: string;
  /** The one that the windows below are of. */
  tier: Tier;
  /** A request must fit into each. */
  enforced: readonly WindowUnits[];
  counted: readonly WindowUnits[];
  usedAtMs: number;
}

/**
 * Accounts by principal, in a bounded number. For a new one over the bound, the next eight in turn are looked at: one that holds nothing
 * any more goes, else the longest unused of them. O(1) an access; a hit moves nothing.
 */
export class MemoryAccounts {
  readonly #accounts = new Map<string, Account>();
  #turn = this.#accounts.values();

  constructor(private readonly principalsMax: number) {}

  get size(): number {
    return this.#accounts.size;
  }

  /** The one there is, or a new one. What was spent under another tier still counts where the windows are the same. */
  use(principal: string, tier: Tier, nowMs: number): Account {
    const known = this.#accounts.get(principal);
    if (known === undefined) return this.#open(principal, tier, nowMs);
    if (known.tier !== tier) changeTier(known, tier);
    known.usedAtMs = nowMs;
    return known;
  }

  #open(principal: string, tier: Tier, nowMs: number): Account {
    if (this.#accounts.size >= this.principalsMax) this.#dropOne(nowMs);
    const enforced = tier.windows.map(newUnits);
    const account = {
      principal,
      tier,
      enforced,
      counted: tier.countedWindows.map(newUnits),
      usedAtMs: nowMs,
    };
    this.#accounts.set(principal, account);
    return account;
  }

  #dropOne(nowMs: number): void {
    let dropped = this.#next();
    for (let examined = 1; examined < EXAMINED_MAX && !isEmpty(dropped, nowMs); examined += 1) {
      const candidate = this.#next();
      if (isEmpty(candidate, nowMs) || candidate.usedAtMs < dropped.usedAtMs) dropped = candidate;
    }
    this.#accounts.delete(dropped.principal);
  }

  /** In the order in which they were opened, round and round. There is one: the bound is at least 1. */
  #next(): Account {
    for (;;) {
      const { value } = this.#turn.next();
      if (value !== undefined) return value;
      this.#turn = this.#accounts.values();
    }
  }
}

function isEmpty({ enforced, counted }: Account, nowMs: number): boolean {
  for (const units of enforced) if (units.usedAt(nowMs) > 0) return false;
  for (const units of counted) if (units.usedAt(nowMs) > 0) return false;
  return true;
}

function changeTier(account: Account, tier: Tier): void {
  const known = [...account.enforced, ...account.counted];
  const unitsOf = (window: LimitedWindow): WindowUnits => {
    const same = known.find(
      (units) => units.durationMs === window.durationMs && units.algorithm === window.algorithm,
    );
    if (same !== undefined) same.window = window;
    return same ?? newUnits(window);
  };
  account.tier = tier;
  account.enforced = tier.windows.map(unitsOf);
  account.counted = tier.countedWindows.map(unitsOf);
}

function newUnits(window: LimitedWindow): WindowUnits {
  return window.algorithm === 'log' ? new UnitLog(window) : new UnitCounter(window);
}
