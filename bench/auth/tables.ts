import { quartiles, rounded, type Table } from '../report.js';
import { ratioOf, type Sample, sampleOf } from '../statistics.js';
import { type ContestantName, CONTESTANTS } from './contestants.js';
import { fasterVerifyToken } from './figures.js';
import type { HttpResults } from './http-contest.js';
import type { RememberedMemory } from './remembered-memory.js';
import type { VerifierResults } from './verifier-contest.js';

/**
 * Everybody over HTTP. `busy` well below 100 means that the load, not the server, bounded the rate;
 * `known` is the share of tokens that the server had verified before and still knew.
 */
export function httpTable(http: HttpResults): Table {
  const base = http.unguarded.perSecond;
  return {
    title: 'Over HTTP, 64 connections',
    columns: [
      'server',
      'requests/s',
      'quartiles',
      'x unguarded',
      'quartiles',
      'CPU us/request',
      'busy %',
      'known %',
    ],
    rows: Object.entries(CONTESTANTS).map(([name, { title }]) => {
      // The keys of CONTESTANTS; Object.entries() says string.
      const { perSecond, cpuMicros, utilization, known } = http[name as ContestantName];
      const rate = sampleOf(perSecond);
      const ratio = ratioOf(perSecond, base);
      return Array.of<string>(title).concat(
        cells(rate),
        cells(ratio),
        String(rounded(sampleOf(cpuMicros).median)),
        percent(utilization),
        known.length === 0 ? '' : percent(known),
      );
    }),
  };
}

export function memoryTable({ mebibytes, tokens, known }: RememberedMemory): Table {
  return {
    title: 'Memory, after garbage collection',
    columns: ['tokens verified', 'MiB', 'bytes/token', 'known afterwards'],
    rows: [
      [
        String(tokens),
        String(rounded(mebibytes)),
        String(rounded((mebibytes * 1_048_576) / tokens)),
        String(known),
      ],
    ],
  };
}

export function verifierTable(verifiers: VerifierResults): Table {
  const peer = fasterVerifyToken(verifiers);
  return {
    title: `Without HTTP; the peer is ${peer.name}, the faster way of calling it`,
    columns: ['verifier', 'us', 'quartiles', 'x verifyToken', 'quartiles'],
    rows: [...verifiers].map(([name, times]) =>
      [name].concat(cells(sampleOf(times)), cells(ratioOf(peer.times, times))),
    ),
  };
}

function percent(shares: readonly number[]): string {
  return String(Math.round(sampleOf(shares).median * 100));
}

function cells(sample: Sample): string[] {
  return [String(rounded(sample.median)), quartiles(sample)];
}
