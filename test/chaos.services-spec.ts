import { SeededRandom } from './support/chaos-random.js';
import { runStorm, type StormOptions, type StormReport } from './support/chaos-storm.js';
import { hasPostgresServer, PostgresServer } from './support/postgres-server.js';

// A dozen processes come and go beside whatever else runs here.
import.meta.jest.setTimeout(600_000);

const seed = Number(process.env['CHAOS_SEED'] ?? Math.floor(Math.random() * 1_000_000_000));

let server: PostgresServer;

async function storm(options: Omit<StormOptions, 'server' | 'random'>): Promise<StormReport> {
  const startedAt = Date.now();
  const report = await runStorm({ ...options, server, random: new SeededRandom(seed) });
  const { lost, stuck, wrong, misled, counts } = report;
  const found = { lost: lost.length, stuck: stuck.length, wrong: wrong.length, misled: misled.length };
  const seconds = Math.round((Date.now() - startedAt) / 1_000);
  process.stderr.write(
    `chaos, answer ${options.answer}, CHAOS_SEED=${seed}, ${seconds} s: ${JSON.stringify({ ...counts, ...found })}\n`,
  );
  return report;
}

if (!hasPostgresServer && process.env['CI'] === 'true') {
  it('has a PostgreSQL server that it may stop', () => {
    throw new Error('CI needs initdb and pg_ctl: install the server package of PostgreSQL.');
  });
}

(hasPostgresServer ? describe : describe.skip)(
  'while processes are killed or stand still and the database crashes',
  () => {
    beforeAll(async () => {
      server = await PostgresServer.start();
    });

    afterAll(() => server?.remove());

    it('no acknowledged webhook is lost, the mirror is as Clerk says, and each handler has its effect once', async () => {
      const { counts, ...found } = await storm({
        database: 'storm',
        userCount: 200,
        kills: 21,
        freezes: 2,
        stops: 2,
        answer: 'after commit',
      });
      expect(found).toEqual({ lost: [], stuck: [], wrong: [], misled: [], deaths: [] });
      expect(counts.acknowledged).toBe(counts.messages);
      // That there was a storm.
      expect(counts.kills).toBe(21);
      for (const count of [counts.aborts, counts.refusals, counts.retried]) expect(count).toBeGreaterThan(0);
    });

    it('the same storm finds what is lost when the 204 comes before the commit', async () => {
      const { lost, wrong, counts } = await storm({
        database: 'early',
        userCount: 80,
        kills: 6,
        freezes: 0,
        stops: 2,
        answer: 'early',
      });
      expect(counts.acknowledged).toBe(counts.messages);
      expect(lost.length).toBeGreaterThan(0);
      expect(wrong.length).toBeGreaterThan(0);
    });
  },
);
