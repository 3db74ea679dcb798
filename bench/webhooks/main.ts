// The program behind `npm run bench:webhooks`. Ends well also when a target is missed; badly when a contestant answers wrongly.
import { ClerkSandbox, createWebhookSecret } from '../../libs/clerk-sandbox/src/index.js';
import { Child } from '../child.js';
import { jsonLines, readable } from '../report.js';
import { BenchDatabase } from './bench-database.js';
import { runContest } from './contest.js';
import { figuresOf, type Measurements, tablesOf } from './figures.js';
import { readSettings, type Settings } from './settings.js';
import { runSignatureContest } from './signature-contest.js';

const settings = readSettings();
if (settings !== null) {
  const measurements = await measure(settings);
  const figures = figuresOf(measurements);
  process.stdout.write(settings.json ? jsonLines(figures) : readable(figures, tablesOf(measurements)));
}

async function measure(settings: Settings): Promise<Measurements> {
  const database = await BenchDatabase.create();
  const secret = createWebhookSecret();
  const clerk = await ClerkSandbox.start({ seed: false });
  try {
    progress(`${settings.users} users at Clerk`);
    createUsers(clerk, settings.users);
    progress('Signatures');
    const signature = await runSignatureContest(secret);
    const contest = await runContest({ database, secret, clerk, settings, progress });
    progress(`Memory over ${settings.memoryEvents} events`);
    await database.empty();
    const memory = await watchMemory({ url: database.url, secret }, settings.memoryEvents);
    return { contest, signature, memory };
  } finally {
    await clerk.stop();
    await database.drop();
  }
}

function createUsers(clerk: ClerkSandbox, count: number): void {
  for (let index = 0; index < count; index += 1) {
    clerk.users.create({
      email_address: [`backfill${index}@example.com`],
      first_name: 'Ines',
      created_at: new Date(1_700_000_000_000 + index).toISOString(),
    });
  }
}

async function watchMemory(
  contest: { readonly url: string; readonly secret: string },
  events: number,
): Promise<readonly number[]> {
  const child = Child.start(new URL('watch-memory.js', import.meta.url), ['--expose-gc']);
  try {
    // The other end is watch-memory.ts.
    return (await child.ask('watch', { contest, events })) as number[];
  } finally {
    await child.stop();
  }
}

function progress(line: string): void {
  process.stderr.write(`${line}\n`);
}
