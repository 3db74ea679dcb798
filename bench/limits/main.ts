// The program behind `npm run bench:limits`. Ends well also when a target is missed; badly when a contestant answers wrongly.
import { RedisServer } from '../../test/support/redis-server.js';
import { jsonLines, readable } from '../report.js';
import { runDecisionContest } from './decision-contest.js';
import { figuresOf, type Measurements } from './figures.js';
import { runHttpContest } from './http-contest.js';
import { runLeaseContest } from './lease-contest.js';
import { runOutageContest } from './outage-contest.js';
import { readSettings, type Settings } from './settings.js';
import { tablesOf } from './tables.js';

const settings = readSettings();
if (settings !== null) {
  const measurements = await measure(settings);
  const figures = figuresOf(measurements);
  process.stdout.write(settings.json ? jsonLines(figures) : readable(figures, tablesOf(measurements)));
}

async function measure(settings: Settings): Promise<Measurements> {
  const leases = await runLeaseContest(progress);
  const outages = await runOutageContest(progress);
  // A server of its own: it has nothing to delete, and nobody else asks it.
  const server = await RedisServer.start();
  try {
    const decisions = await runDecisionContest({ redisUrl: server.url, settings, progress });
    const http = await runHttpContest({ redisUrl: server.url, settings, progress });
    return { decisions, http, leases, outages };
  } finally {
    await server.kill();
  }
}

function progress(line: string): void {
  process.stderr.write(`${line}\n`);
}
