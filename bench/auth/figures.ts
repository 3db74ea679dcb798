import type { Figure } from '../report.js';
import { ratioOf, type Sample } from '../statistics.js';
import type { ContestantName } from './contestants.js';
import type { HttpResults } from './http-contest.js';
import type { JwksCalls } from './jwks-calls.js';
import type { RememberedMemory } from './remembered-memory.js';
import type { VerifierResults } from './verifier-contest.js';

export interface Measurements {
  readonly http: HttpResults;
  readonly verifiers: VerifierResults;
  readonly jwksCalls: JwksCalls;
  readonly memory: RememberedMemory;
}

/** What was measured against what it should be. */
export function figuresOf({ http, verifiers, jwksCalls, memory }: Measurements): Figure[] {
  const warmTo = (other: ContestantName) => ratioOf(http.warm.perSecond, http[other].perSecond);
  const verifyToken = fasterVerifyToken(verifiers);
  const times = (name: string) => verifiers.get(name) ?? [];
  return [
    atLeast('guard-warm / nest-unguarded, requests/s', warmTo('unguarded'), 0.85),
    atLeast('guard-warm / verify-token-guard, requests/s', warmTo('verifyToken'), 6.5),
    atLeast('guard-warm / clerk-fastify, requests/s', warmTo('clerkFastify'), 12),
    atLeast('hit / verifyToken, speed', ratioOf(verifyToken.times, times('nest-clerk hit')), 80),
    atLeast('hit / fast-jwt cache, speed', ratioOf(times('fast-jwt hit'), times('nest-clerk hit')), 2),
    atLeast('miss / verifyToken, speed', ratioOf(verifyToken.times, times('nest-clerk miss')), 4),
    atMost('miss / crypto.verify, time', ratioOf(times('nest-clerk miss'), times('crypto.verify')), 1.25),
    counted('jwks calls for 100 cold requests', jwksCalls.cold, 1),
    counted('jwks calls for 100 forged key ids', jwksCalls.forged, 1),
    counted('memory of 10,000 known tokens, MiB', memory.mebibytes, 10),
  ];
}

/** The way of calling it that is faster on this machine: the peer at its best. */
export function fasterVerifyToken(verifiers: VerifierResults): { name: string; times: readonly number[] } {
  const ways = ['verifyToken, one by one', 'verifyToken, 32 in flight'].map((name) => ({
    name,
    times: verifiers.get(name) ?? [],
  }));
  const [first = { name: '', times: [] }, second = first] = ways;
  return ratioOf(first.times, second.times).median <= 1 ? first : second;
}

function atLeast(figure: string, spread: Sample, target: number): Figure {
  return { figure, value: spread.median, spread, target, better: 'higher' };
}

function atMost(figure: string, spread: Sample, target: number): Figure {
  return { figure, value: spread.median, spread, target, better: 'lower' };
}

function counted(figure: string, value: number, target: number): Figure {
  return { figure, value, spread: null, target, better: 'lower' };
}
