// `npm test`: finds out which real services are here, says so in one line, and runs every suite that can run.
//   node tools/test.js [unit] [e2e] [browser] [tour] [-- jest arguments]
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { Redis } from 'ioredis';
import { Client } from 'pg';

import { buildIfStale } from './build-if-stale.js';

const databaseUrl = process.env.TEST_DATABASE_URL ?? 'postgresql://postgres:postgres@127.0.0.1:5432/postgres';
const redisUrl = process.env.TEST_REDIS_URL ?? 'redis://127.0.0.1:6379';

/** Where Debian's packages put it. */
const chromium = process.env.CHROMIUM ?? '/usr/bin/chromium';

/** Jest leaves one core free, which of two is half: most suites wait for others longer than they compute. */
const workers = Math.max(2, availableParallelism() - 1);

const [suites, jestArguments] = splitAtDoubleDash(process.argv.slice(2));
const wants = (suite) => suites.length === 0 || suites.includes(suite);

const [postgres, redis] = await Promise.all([probe(postgresVersion), probe(redisVersion)]);
const services = postgres.version !== undefined && redis.version !== undefined;
const projects = [
  ...(wants('unit') ? ['unit', 'unit:react-19', 'unit:react-18'] : []),
  ...(wants('e2e') ? ['e2e:embedded'] : []),
  ...(wants('e2e') && services ? ['e2e:services'] : []),
  ...(wants('browser') && existsSync(chromium) ? ['browser'] : []),
  ...(wants('tour') ? ['tour'] : []),
];

console.log(
  `Suites: ${projects.join(', ')}. ` +
    (services
      ? `Services: PostgreSQL ${postgres.version}, Redis ${redis.version}; embedded: PGlite, in-process caches.`
      : `Embedded parts only (PGlite, in-process caches): ${[postgres, redis].flatMap((p) => p.missing ?? []).join('; ')}.`),
);
if (!services && process.env.CI && wants('e2e')) {
  console.error(
    'CI needs PostgreSQL and Redis: set TEST_DATABASE_URL and TEST_REDIS_URL, or start them (docker-compose.yml).',
  );
  process.exit(1);
}
if (wants('browser') && !existsSync(chromium)) {
  console.log(`The browser suite is left out: there is no ${chromium} (CHROMIUM names another).`);
  if (process.env.CI) process.exit(1);
}

buildIfStale();
// The tour comes last and alone: it prints how long a start takes.
const runs = [projects.filter((name) => name !== 'tour'), projects.filter((name) => name === 'tour')];
const summary = join(mkdtempSync(join(tmpdir(), 'nest-clerk-')), 'summary.jsonl');
writeFileSync(summary, '');
const statuses = runs.filter((names) => names.length > 0).map(runJest);
const counts = readFileSync(summary, 'utf8')
  .trim()
  .split('\n')
  .filter(Boolean)
  .map((line) => JSON.parse(line));
const total = (key) => counts.reduce((sum, count) => sum + count[key], 0);
rmSync(dirname(summary), { recursive: true });
console.log(
  `${total('passed')} passed, ${total('failed')} failed${total('skipped') > 0 ? `, ${total('skipped')} skipped` : ''}`,
);
process.exit(statuses.find((status) => status !== 0) ?? 0);

function runJest(names) {
  const flags = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'];
  const filtered = jestArguments.length > 0 ? ['--passWithNoTests'] : [];
  const jest = spawnSync(
    process.execPath,
    [
      ...flags,
      'node_modules/jest/bin/jest.js',
      `--maxWorkers=${workers}`,
      '--selectProjects',
      ...names,
      ...filtered,
      ...jestArguments,
    ],
    {
      stdio: 'inherit',
      env: {
        ...process.env,
        TEST_DATABASE_URL: databaseUrl,
        TEST_REDIS_URL: redisUrl,
        SUMMARY_FILE: summary,
      },
    },
  );
  return jest.status ?? 1;
}

function splitAtDoubleDash(words) {
  const dash = words.indexOf('--');
  return dash === -1 ? [words, []] : [words.slice(0, dash), words.slice(dash + 1)];
}

async function probe(ask) {
  try {
    return { version: await ask() };
  } catch (error) {
    return {
      missing: `${ask === postgresVersion ? 'PostgreSQL' : 'Redis'} did not answer (${error.code ?? error.message})`,
    };
  }
}

async function postgresVersion() {
  const client = new Client({ connectionString: databaseUrl, connectionTimeoutMillis: 10_000 });
  client.on('error', () => undefined);
  await client.connect();
  const { rows } = await client.query('SHOW server_version');
  await client.end();
  return rows[0].server_version.split(' ')[0];
}

async function redisVersion() {
  const client = new Redis(redisUrl, {
    lazyConnect: true,
    connectTimeout: 10_000,
    maxRetriesPerRequest: 0,
    retryStrategy: null,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return /redis_version:(\S+)/.exec(await client.info('server'))?.[1] ?? 'of unknown version';
  } finally {
    client.disconnect();
  }
}
