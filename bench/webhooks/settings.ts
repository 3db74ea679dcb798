import { parseArgs } from 'node:util';

import { countOption } from '../count-option.js';

export interface Settings {
  /** Results as JSON lines. */
  readonly json: boolean;
  readonly rounds: number;
  /** Events that each contestant is sent in a round. */
  readonly events: number;
  readonly memoryEvents: number;
  /** Users that a backfill brings. */
  readonly users: number;
}

const USAGE = `npm run bench:webhooks -- [options]

  --json             one JSON line for each figure, nothing else on stdout
  --rounds N         rounds that take turns (default 5)
  --events N         events in each, for each contestant (default 6000)
  --memory-events N  events over which memory is watched (default 200000, some five minutes)
  --users N          users that a backfill brings (default 10000; far more would wait for what Clerk allows in ten seconds)

The server is TEST_DATABASE_URL (default postgresql://postgres@127.0.0.1:5432/postgres); a database of its own is made on it and dropped.
`;

/** From the command line; null when only help was asked for. @throws TypeError for an unknown option */
export function readSettings(): Settings | null {
  const { values } = parseArgs({
    options: {
      json: { type: 'boolean', default: false },
      rounds: { type: 'string', default: '5' },
      events: { type: 'string', default: '6000' },
      'memory-events': { type: 'string', default: '200000' },
      users: { type: 'string', default: '10000' },
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
    events: countOption('events', values.events),
    memoryEvents: countOption('memory-events', values['memory-events']),
    users: countOption('users', values.users),
  };
}
