import type { Figure, Table } from '../report.js';
import { rounded } from '../report.js';
import { ratioOf, type Sample, sampleOf } from '../statistics.js';
import type { ContestResults } from './contest.js';
import type { SignatureResult } from './signature-contest.js';

export interface Measurements {
  readonly contest: ContestResults;
  readonly signature: SignatureResult;
  /** Mebibytes after each tenth of the events. */
  readonly memory: readonly number[];
}

/** What was measured against what it should be. */
export function figuresOf({ contest, signature, memory }: Measurements): Figure[] {
  const { inline, apply, 'apply, two processes': two, backfill } = contest;
  const { 'nest-clerk': receive, 'plain transaction': plain } = contest;
  const { 'pg alone: insert': insert, 'pg alone: transaction': transaction } = contest;
  return [
    told('receive, 204s per second', sampleOf(receive.perSecond)),
    told('receive / one insert each, pg alone', ratioOf(receive.perSecond, insert.perSecond)),
    told('receive / plain transaction, pg alone', ratioOf(receive.perSecond, transaction.perSecond)),
    atLeast(
      'receive / plain transaction over HTTP, 204s per second',
      ratioOf(receive.perSecond, plain.perSecond),
      4,
    ),
    atLeast('receive / inline handler, answers per second', ratioOf(receive.perSecond, inline.perSecond), 3),
    atMost('receive / inline handler, p99', ratioOf(receive.p99Ms, inline.p99Ms), 1),
    atLeast('apply / inline handler, events per second', ratioOf(apply.perSecond, inline.perSecond), 1),
    atLeast('signature / verifyWebhook, speed', ratioOf(signature.verifyWebhook, signature.ours), 4),
    told('apply, one process, events per second', sampleOf(apply.perSecond)),
    told('apply, two processes, events per second', sampleOf(two.perSecond)),
    told('backfill, users per second', sampleOf(backfill.perSecond)),
    {
      figure: 'memory in use, largest change after the second tenth, percent',
      value: changePercent(memory),
      spread: null,
      target: 10,
      better: 'lower',
    },
  ];
}

export function tablesOf({ contest, signature, memory }: Measurements): Table[] {
  return [
    {
      title: 'Events per second, and the slowest hundredth of the answers',
      columns: ['contestant', 'per second', 'p99 ms'],
      rows: Object.entries(contest).map(([name, { perSecond, p99Ms }]) => [
        name,
        String(rounded(sampleOf(perSecond).median)),
        p99Ms.length === 0 ? '' : String(rounded(sampleOf(p99Ms).median)),
      ]),
    },
    {
      title: 'Signature and parsing of 900 bytes, microseconds',
      columns: ['way', 'median'],
      rows: Object.entries(signature).map(([name, times]) => [name, String(rounded(sampleOf(times).median))]),
    },
    {
      title: 'Memory in use, MiB',
      columns: ['events', ...memory.map((_, index) => `${(index + 1) * 10} %`)],
      rows: [['', ...memory.map((weight) => String(rounded(weight)))]],
    },
  ];
}

/** Up or down. The first tenth fills caches and compiles code: what comes after the second should weigh the same as that. */
function changePercent([, second = Number.NaN, ...rest]: readonly number[]): number {
  return Math.max(...rest.map((weight) => Math.abs(weight / second - 1) * 100));
}

function told(figure: string, spread: Sample): Figure {
  return { figure, value: spread.median, spread, target: null, better: 'higher' };
}

function atLeast(figure: string, spread: Sample, target: number): Figure {
  return { figure, value: spread.median, spread, target, better: 'higher' };
}

function atMost(figure: string, spread: Sample, target: number): Figure {
  return { figure, value: spread.median, spread, target, better: 'lower' };
}
