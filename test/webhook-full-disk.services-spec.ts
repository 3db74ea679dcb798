import { randomUUID } from 'node:crypto';

import { signatureHeaders } from 'clerk-sandbox';
import { Client } from 'pg';

import { connectForMigrations } from '../apps/api/src/database/database-connection.js';
import { applyMigrations } from '../apps/api/src/database/migrations.js';
import { closeAll } from './support/guarded-app.js';
import { hasPostgresServer, PostgresServer } from './support/postgres-server.js';
import { startTestService, type TestService, until } from './support/service.js';
import { TinyDisk } from './support/tiny-disk.js';
import { waited } from './support/waited.js';

const newId = () => `msg_${randomUUID().replaceAll('-', '')}`;
const ANSWER_MS_MAX = 5_000;

const disk = hasPostgresServer ? TinyDisk.mount(32, 'postgres') : null;
const describeWithDisk = disk === null ? describe.skip : describe;

// Until not one more page fits. What was written stays on the disk, though it is rolled back.
const FILL = `DO $$ BEGIN
  CREATE TABLE filler (page text);
  ALTER TABLE filler ALTER page SET STORAGE PLAIN;
  LOOP
    BEGIN INSERT INTO filler VALUES (repeat('x', 8000)); EXCEPTION WHEN disk_full THEN EXIT; END;
  END LOOP;
END $$`;

describeWithDisk('webhooks that are sent to a database whose disk is full', () => {
  const closing: (() => unknown)[] = [() => disk?.unmount()];
  let url: string;
  let service: TestService;

  beforeAll(async () => {
    const server = await PostgresServer.start();
    closing.push(() => server.remove());
    await onDatabase(
      server.urlOf('postgres'),
      `CREATE TABLESPACE tiny LOCATION '${disk?.path}'`,
      'CREATE DATABASE webhooks TABLESPACE tiny',
    );
    url = server.urlOf('webhooks');
    const connection = await connectForMigrations({ kind: 'postgres', url });
    await applyMigrations(connection.adapter);
    await connection.close();
    service = await startTestService({ database: { kind: 'postgres', url } });
    closing.push(() => service.stop());
  }, 90_000);

  afterAll(() => closeAll(closing));

  async function onDatabase(connectionString: string, ...statements: string[]): Promise<void> {
    const client = new Client({ connectionString });
    await client.connect();
    for (const statement of statements) await client.query(statement);
    await client.end();
  }

  async function post(id: string) {
    const data = {
      id: `user_${id}`,
      updated_at: 1_800_000_000_000,
      email_addresses: [],
      note: 'x'.repeat(500),
    };
    const body = JSON.stringify({ type: 'user.created', data, timestamp: 1_800_000_000_000 });
    const timestampSeconds = Math.floor(Date.now() / 1_000);
    const headers = signatureHeaders({ id, timestampSeconds, body }, service.clerk.webhookSecret);
    const { answer, waitedMs } = await waited(() => service.call('/webhooks/clerk', { body, headers }));
    return { id, status: answer.status, code: answer.body?.code, waitedMs };
  }

  it('get 204 or 503 within 5 s, none is lost, and all are applied once there is room', async () => {
    expect((await post(newId())).status).toBe(204);
    await onDatabase(url, FILL);
    const answers = await Promise.all(Array.from({ length: 150 }, () => post(newId())));
    for (const { status, code, waitedMs } of answers) {
      expect([
        [204, undefined],
        [503, 'DATABASE_UNAVAILABLE'],
      ]).toContainEqual([status, code]);
      expect(waitedMs).toBeLessThan(ANSWER_MS_MAX);
    }
    const refused = answers.filter(({ status }) => status === 503);
    expect(refused.length).toBeGreaterThan(100);
    await onDatabase(url, 'DROP TABLE filler', 'CHECKPOINT');
    // Clerk sends those again that were not taken.
    for (const { id } of refused) expect((await post(id)).status).toBe(204);
    const clerkIds = answers.map(({ id }) => `user_${id}`);
    await until(
      () => service.prisma.user.count({ where: { clerkId: { in: clerkIds } } }),
      (rows) => rows === answers.length,
    );
    const failures = await service.prisma.clerkWebhookEvent.count({ where: { attempts: { gt: 1 } } });
    expect(failures).toBe(0);
  });
});
