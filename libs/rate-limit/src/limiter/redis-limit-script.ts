import { createHash } from 'node:crypto';

import type { Tier } from '../tiers/tier.js';
import { LEASE_FUNCTIONS, LOG_FUNCTIONS, PART_FUNCTIONS } from './redis-limit-functions.js';
import { lines, ScriptWindow, SLACK_PER_WINDOW } from './redis-script-window.js';

/** A script with the digest that Redis knows it by. */
export interface LimitScript {
  readonly text: string;
  readonly sha1: string;
}

type ScriptTier = Pick<Tier, 'windows' | 'countedWindows' | 'isLeased'>;

/** Variables of so many windows fit into the 200 that a function of Lua may have; what is known of more is kept in tables. */
const WINDOWS_IN_VARIABLES_MAX = 24;
/** Operands of one expression: Lua 5.1 has 250 registers for them. */
const OPERANDS_MAX = 50;
const COUNTER_BYTES = 16;
const LOG_SIZE_BYTES = 4;

const WORDS = `-- KEYS[1]  the principal's string
-- ARGV[1]  cost: units of this request; 0 only gives back
-- and, of tiers that lease:
-- ARGV[2]  divisor: what remains, divided by it, is leased on top; 0: no lease
-- ARGV[3]  units that are leased at least, as far as they are there
-- ARGV[4]  cell, microseconds: time is cut into such, and leases live until the end of theirs
-- and, where an earlier lease is at its end:
-- ARGV[5]  when that was granted, microseconds
-- ARGV[6]  when its life ends or ended, microseconds
-- ARGV[7]  its units that were not used: they are given back
-- and then in turn units of it that were used, and when the last of these was at the latest, microseconds
-- gives    1 if allowed, else 0
--          for each enforced window its units used, and milliseconds until some come back
--          of a request that is refused, for each of them: milliseconds until it fits, 0 if it fits now
--          of a tier that leases: now and the end of the lease's life, microseconds, and units leased
local get, put, min = struct.unpack, struct.pack, math.min`;

const LEASE_ASKED = `local divisor, least, cell = tonumber(ARGV[2] or 0), tonumber(ARGV[3]), tonumber(ARGV[4])
local granted, ended = ARGV[5] and tonumber(ARGV[5]), ARGV[5] and tonumber(ARGV[6])
local unused, uses = tonumber(ARGV[7]), {}
for i = 8, #ARGV do uses[i - 7] = tonumber(ARGV[i]) end
-- When leased units stand in logs, until it is known when they were used: at the end of the cell.
local stamp = divisor > 0 and cell_end(now, cell) or now
local life = stamp - now`;

const LEASE_GRANTED = `local leased = 0
-- Of one that ends at once nothing could be used.
if fits and divisor > 0 and life > cell / 20 then leased = math.max(math.floor(spare / divisor), min(spare, least)) end
local spent = cost + leased`;

const LEASE_TOLD = 'answer[#answer + 1], answer[#answer + 2], answer[#answer + 3] = now, now + life, leased';

/**
 * One decision over all windows of a principal, all or nothing, on the clock of Redis. It is written for each tier, window by window, so
 * that a request sends no more than what it costs, and nothing is looked up.
 *
 * Everything a principal has spent is one string: read once, written once, and one key in one slot. While a cluster moves a slot, a script
 * with several keys is turned away where some of them have moved already (TRYAGAIN,
 * https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#ask-redirection). The string is a row of blocks, the first of
 * which is of the windows of this configuration. A block is a line with the ids of its windows, then for each
 * - counter when it ends, microseconds, and its units, 8 bytes each; then for each
 * - log how many bytes it has, 4 bytes; and at the end the logs: the times of their units, oldest first, microseconds, 8 bytes each, so that
 *   a stretch is exact.
 *
 * Guarantee: what is admitted in any stretch of a log, or in one life of a counter, is never more than its limit, and what is refused
 * spends nothing. Windows that only another configuration has, as before or after a deployment, stay until they hold nothing any more; what
 * is no such string at all counts for nothing, and is written over. Where the
 * clock of Redis was set back, what seems to come from the future is taken as of now: from then on nobody waits for more than one window
 * and a twentieth. Where it was set forward, what was spent expires that much earlier.
 *
 * Leases: units beyond the request's own may be taken at once. In logs they stand at the end of a cell, and no lease outlives its cell, so
 * that they stand no earlier than they may be used. Who asks again says how many were used, and until when: from then on these stand there,
 * and the others are gone. In logs that are only counted all of them stay: so a change of tier forgives nothing.
 */
export function limitScript(tier: ScriptTier): LimitScript {
  const text = new ScriptText(tier).whole();
  return { text, sha1: createHash('sha1').update(text).digest('hex') };
}

/** Of one tier, in the order in which it is run. */
class ScriptText {
  readonly #isLeased: boolean;
  readonly #areVariables: boolean;
  readonly #all: readonly ScriptWindow[];
  /** In the order of the answer. */
  readonly #enforced: readonly ScriptWindow[];
  /** In the order of the string, which is the same for all tiers of a configuration. */
  readonly #counters: readonly ScriptWindow[];
  readonly #logs: readonly ScriptWindow[];
  /** The line that begins the string, as Lua writes it. */
  readonly #line: string;
  readonly #longestMs: number;

  constructor({ windows, countedWindows, isLeased }: ScriptTier) {
    const given = [...windows, ...countedWindows];
    this.#isLeased = isLeased;
    this.#areVariables = given.length <= WINDOWS_IN_VARIABLES_MAX;
    const options = { areVariables: this.#areVariables, isLeased };
    this.#all = given.map(
      (window, index) => new ScriptWindow(window, { ...options, index, isEnforced: index < windows.length }),
    );
    this.#enforced = this.#all.slice(0, windows.length);
    const sorted = this.#all.toSorted((a, b) => (a.id < b.id ? -1 : 1));
    this.#counters = sorted.filter(({ isLog }) => !isLog);
    this.#logs = sorted.filter(({ isLog }) => isLog);
    this.#line = `${[...this.#counters, ...this.#logs].map(({ id }) => id).join(' ')}\\n`;
    this.#longestMs = Math.max(...given.map(({ durationMs }) => durationMs));
  }

  whole(): string {
    return lines(
      WORDS,
      LOG_FUNCTIONS,
      this.#isLeased ? LEASE_FUNCTIONS : '',
      this.#asked(),
      this.#read(),
      ...this.#all.map((window) => window.load()),
      this.#decided(),
      this.#written(),
      this.#answered(),
    );
  }

  #asked(): string {
    const ttlMs = Math.ceil(this.#longestMs * (1 + SLACK_PER_WINDOW)) + 1;
    return lines(
      `local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local cost, changed, tail, ttl = tonumber(ARGV[1]), false, '', '${ttlMs}'`,
      this.#isLeased ? LEASE_ASKED : '',
      this.#areVariables ? '' : 'local log, used, first, last, ends, wait = {}, {}, {}, {}, {}, {}',
      ...this.#all.map((window) => window.begin()),
    );
  }

  /** From where they stand in a string that is of this configuration alone; else part by part. */
  #read(): string {
    const lineBytes = this.#line.length - 1;
    const sizesFrom = 1 + lineBytes + this.#counters.length * COUNTER_BYTES;
    return lines(
      // What is no string of ours is none: it is written over, and takes the limiter from nobody else.
      `local value, from, bytes = redis.pcall('GET', KEYS[1]), 0, 0
if type(value) == 'string' then
  if #value >= ${sizesFrom + this.#logs.length * LOG_SIZE_BYTES - 1} and value:sub(1, ${lineBytes}) == '${this.#line}' then`,
      ...this.#counters.map((counter, place) => counter.read(1 + lineBytes + place * COUNTER_BYTES)),
      `from = ${sizesFrom + this.#logs.length * LOG_SIZE_BYTES}`,
      ...this.#logs.map((log, place) => log.read(sizesFrom + place * LOG_SIZE_BYTES)),
      `end
  if from ~= #value + 1 then${PART_FUNCTIONS}
    local is_ours, parts = pcall(parts_of, value)
    if not is_ours then parts = {} end`,
      ...this.#all.map((window) => window.take()),
      `tail, ttl = rest_of(parts, now, ttl)
  end
end`,
    );
  }

  #decided(): string {
    const checks = this.#enforced.map((window) => window.check());
    if (!this.#isLeased) return lines('local fits = true', ...checks, 'local spent = cost');
    return lines('local fits, spare = true, math.huge\nif cost > 0 then', ...checks, 'end', LEASE_GRANTED);
  }

  #written(): string {
    const parts = [
      ...this.#counters.map((counter) => counter.written()),
      ...this.#logs.map((log) => log.size()),
      ...this.#logs.map((log) => log.written()),
    ];
    return lines(
      'if fits then',
      ...this.#all.map((window) => window.spend()),
      `end
if fits or changed then
  value = '${this.#line}'`,
      ...appended(parts),
      `redis.call('SET', KEYS[1], value .. tail, 'PX', ttl)
end`,
    );
  }

  #answered(): string {
    return lines(
      'local answer = { fits and 1 or 0,',
      ...this.#enforced.map((window) => window.used()),
      '}\nif not fits then',
      ...this.#enforced.map((window) => window.wait()),
      'end',
      this.#isLeased ? LEASE_TOLD : '',
      'return answer',
    );
  }
}

/** In steps that Lua has the registers for. */
function appended(operands: readonly string[]): readonly string[] {
  const steps = Math.ceil(operands.length / OPERANDS_MAX);
  return Array.from({ length: steps }, (_none, step) => {
    const some = operands.slice(step * OPERANDS_MAX, (step + 1) * OPERANDS_MAX);
    return `value = value .. ${some.join(' .. ')}`;
  });
}
