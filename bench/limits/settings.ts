import { parseArgs } from 'node:util';

import { countOption } from '../count-option.js';

export interface Settings {
  /** Results as JSON lines. */
  readonly json: boolean;
  readonly rounds: number;
  readonly roundMs: number;
  readonly memoryRounds: number;
  readonly httpRounds: number;
  readonly httpRoundMs: number;
}

const USAGE = `npm run bench:limits -- [options]

  --json             one JSON line for each figure, nothing else on stdout
  --rounds N         rounds of decisions in Redis (default 7)
  --round-ms N       length of each, for each limiter (default 1000)
  --memory-rounds N  rounds of decisions in memory (default 15)
  --http-rounds N    rounds over HTTP (default 5)
  --http-round-ms N  length of each, for each server (default 1000)

It needs redis-server on the PATH: servers of its own are started, on free ports of the loopback, and ended.
`;

/** From the command line; null when only help was asked for. @throws TypeError for an unknown option */
export function readSettings(): Settings | null {
  const { values } = parseArgs({
    options: {
      json: { type: 'boolean', default: false },
      rounds: { type: 'string', default: '7' },
      'round-ms': { type: 'string', default: '1000' },
      'memory-rounds': { type: 'string', default: '15' },
      'http-rounds': { type: 'string', default: '5' },
      'http-round-ms': { type: 'string', default: '1000' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return null;
  }
  return {
    json: values.json,
    rounds: countOption('rounds', values.rounds),
    roundMs: countOption('round-ms', values['round-ms']),
    memoryRounds: countOption('memory-rounds', values['memory-rounds']),
    httpRounds: countOption('http-rounds', values['http-rounds']),
    httpRoundMs: countOption('http-round-ms', values['http-round-ms']),
  };
}
