import type { LimitedWindow } from '../tiers/limited-window.js';
import { windowId } from '../tiers/resolve-tiers.js';

/** What a log may reach into the future, and any window after the clock was set back: the life of a lease, a twentieth of it. */
export const SLACK_PER_WINDOW = 1 / 20;

export interface ScriptWindowOptions {
  /** Distinct within the script. */
  readonly index: number;
  /** Else what is known of windows is in tables. */
  readonly areVariables: boolean;
  /** Else it is counted only. */
  readonly isEnforced: boolean;
  /** Whether the tier leases. */
  readonly isLeased: boolean;
}

/** What the script (see redis-limit-script.ts) says of one window. */
export class ScriptWindow {
  readonly id: string;
  readonly isLog: boolean;
  readonly #index: number;
  readonly #isEnforced: boolean;
  readonly #limit: number;
  readonly #durationUs: number;
  readonly #areVariables: boolean;
  readonly #isLeased: boolean;

  constructor(window: LimitedWindow, { index, areVariables, isEnforced, isLeased }: ScriptWindowOptions) {
    this.id = windowId(window);
    this.#index = index;
    this.isLog = window.algorithm === 'log';
    this.#isEnforced = isEnforced;
    this.#limit = window.limit;
    this.#durationUs = window.durationMs * 1_000;
    this.#areVariables = areVariables;
    this.#isLeased = isLeased;
  }

  begin(): string {
    const local = this.#areVariables ? 'local ' : '';
    const wait = this.#isEnforced ? `${local}${this.#name('wait')} = 0` : '';
    const own = this.isLog
      ? `${local}${this.#names('log', 'used', 'first', 'last')} = '', 0, 0, 0`
      : `${local}${this.#names('ends', 'used')} = 0, 0`;
    return lines(own, wait);
  }

  /** @param at where those bytes of it stand that are always as many */
  read(at: number): string {
    if (!this.isLog) return `${this.#names('ends', 'used')} = get('<dd', value, ${at})`;
    return `bytes = get('<I4', value, ${at})
${this.#name('log')} = value:sub(from, from + bytes - 1)
from = from + bytes`;
  }

  /** Out of the parts of a string that another configuration has had a hand in. */
  take(): string {
    const [part, taken] = [`parts['${this.id}']`, `parts['${this.id}'] = nil`];
    if (this.isLog) return `${this.#name('log')} = ${part} or ''\n${taken}`;
    return `${this.#names('ends', 'used')} = get('<dd', ${part} or put('<dd', 0, 0))\n${taken}`;
  }

  load(): string {
    return this.isLog ? this.#loadLog() : this.#loadCounter();
  }

  check(): string {
    const [used, wait] = [this.#name('used'), this.#name('wait')];
    const units = `${used} + cost - ${this.#limit}`;
    const until = this.isLog
      ? `stamp_at(${this.#name('log')}, ${units}) + ${this.#durationUs} - now`
      : `${this.#name('ends')} - now`;
    return lines(
      this.#isLeased ? `spare = min(spare, ${this.#limit} - ${used} - cost)` : '',
      `if ${used} + cost > ${this.#limit} then
  fits = false
  if cost > ${this.#limit} then ${wait} = ${this.#durationUs} else ${wait} = ${until} end
end`,
    );
  }

  spend(): string {
    const [log, used, first, last] = [
      this.#name('log'),
      this.#name('used'),
      this.#name('first'),
      this.#name('last'),
    ];
    if (!this.isLog) return `${used} = ${used} + spent`;
    const kept = this.#limit * 8;
    const own = this.#isLeased
      ? `${log} = with(${log}, now, min(cost, ${this.#limit}))
if leased > 0 then ${log} = with(${log}, stamp, min(leased, ${this.#limit})) end
if #${log} > 0 then ${first} = stamp_at(${log}, 1) end`
      : `if ${used} == 0 then ${first} = now end
${log} = ${log} .. put('<d', ${last} > now and ${last} or now):rep(min(spent, ${this.#limit}))`;
    return lines(
      own,
      // Older units cannot matter: no tier has a larger limit of this window.
      this.#isEnforced ? '' : `if #${log} > ${kept} then ${log} = ${log}:sub(-${kept}) end`,
      `${used} = #${log} / 8`,
    );
  }

  size(): string {
    return `put('<I4', #${this.#name('log')})`;
  }

  written(): string {
    const [ends, used] = [this.#name('ends'), this.#name('used')];
    // One that nothing is spent of begins with its first unit.
    return this.isLog ? this.#name('log') : `put('<dd', ${used} > 0 and ${ends} or 0, ${used})`;
  }

  used(): string {
    const used = this.#name('used');
    const back = this.isLog ? `${this.#name('first')} + ${this.#durationUs}` : this.#name('ends');
    return `${used}, ${used} > 0 and ${millisecondsOf(`${back} - now`)} or ${this.#durationUs / 1_000},`;
  }

  wait(): string {
    return `answer[#answer + 1] = ${millisecondsOf(this.#name('wait'))}`;
  }

  #loadLog(): string {
    const [log, used, first, last] = [
      this.#name('log'),
      this.#name('used'),
      this.#name('first'),
      this.#name('last'),
    ];
    const gone = `${first} <= now - ${this.#durationUs}`;
    const ahead = `${last} > now + ${Math.ceil(this.#durationUs * SLACK_PER_WINDOW)}`;
    return lines(
      // In a log that is only counted they stay: there they may have pushed out what was spent before.
      this.#isLeased && this.#isEnforced
        ? `if granted and #${log} > 0 then ${log}, changed = settled(${log}, granted, now - ${this.#durationUs}, cell_end(granted, cell), unused, uses, changed) end`
        : '',
      `${used} = #${log} / 8
if ${used} > 0 then
  ${first} = get('<d', ${log})
  ${last} = get('<d', ${log}, #${log} - 7)
  if ${gone} or ${ahead} then
    ${log}, changed = current(${log}, now - ${this.#durationUs}, now + ${Math.ceil(this.#durationUs * SLACK_PER_WINDOW)}, changed)
    ${used} = #${log} / 8
    if ${used} > 0 then ${first}, ${last} = stamp_at(${log}, 1), stamp_at(${log}, ${used}) end
  end
end`,
    );
  }

  #loadCounter(): string {
    const [ends, used] = [this.#name('ends'), this.#name('used')];
    return lines(
      // Only to the counter that the lease was charged to: not to one that began later.
      this.#isLeased
        ? `if granted and unused > 0 and ${used} > 0 and ${ends} >= ended and ${ends} - ${this.#durationUs} <= granted then
  ${used}, changed = math.max(0, ${used} - unused), true
end`
        : '',
      `if ${ends} <= now then
  ${ends}, ${used} = now + ${this.#durationUs}, 0
elseif ${ends} > now + ${this.#durationUs} then
  -- Later than it can have been set to: the clock was set back.
  ${ends}, changed = now + ${this.#durationUs}, true
end`,
      // Leased units must not outlive the counter that they are charged to.
      this.#isLeased ? `life = min(life, ${ends} - now)` : '',
    );
  }

  #names(...what: readonly string[]): string {
    return what.map((one) => this.#name(one)).join(', ');
  }

  #name(what: string): string {
    return this.#areVariables ? `${what}${this.#index}` : `${what}[${this.#index}]`;
  }
}

/** In Redis a number becomes an integer by leaving out what is behind the point: so this rounds up. */
function millisecondsOf(micros: string): string {
  return `(${micros} + 999) / 1000`;
}

export function lines(...texts: readonly string[]): string {
  return texts.filter((text) => text !== '').join('\n');
}
