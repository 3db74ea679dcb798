import { parseArgs } from 'node:util';

import { countOption } from '../count-option.js';

export interface Settings {
  /** Results as JSON lines. */
  readonly json: boolean;
  readonly httpRounds: number;
  readonly httpRoundMs: number;
  readonly verifierRounds: number;
  readonly verifierRoundMs: number;
}

const USAGE = `npm run bench:auth -- [options]

  --json                 one JSON line for each figure, nothing else on stdout
  --rounds N             rounds over HTTP (default 7)
  --round-ms N           length of each, for each server (default 2000)
  --verifier-rounds N    rounds without HTTP (default 21)
  --verifier-round-ms N  length of each, for each verifier (default 150)
`;

/** From the command line; null when only help was asked for. @throws TypeError for an unknown option */
export function readSettings(): Settings | null {
  const { values } = parseArgs({
    options: {
      json: { type: 'boolean', default: false },
      rounds: { type: 'string', default: '7' },
      'round-ms': { type: 'string', default: '2000' },
      'verifier-rounds': { type: 'string', default: '21' },
      'verifier-round-ms': { type: 'string', default: '150' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return null;
  }
  return {
    json: values.json,
    httpRounds: countOption('rounds', values.rounds),
    httpRoundMs: countOption('round-ms', values['round-ms']),
    verifierRounds: countOption('verifier-rounds', values['verifier-rounds']),
    verifierRoundMs: countOption('verifier-round-ms', values['verifier-round-ms']),
  };
}
