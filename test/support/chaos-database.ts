import { Client } from 'pg';

import { connectForMigrations } from '../../apps/api/src/database/database-connection.js';
import { applyMigrations } from '../../apps/api/src/database/migrations.js';
import { poll } from './chaos-fleet.js';
import type { Outcome } from './chaos-model.js';

const DRAIN_MS_MAX = 120_000;

export interface ChaosOutcome extends Outcome {
  /** Effects of webhooks that were begun more than once before they were done. */
  readonly retried: number;
}

/** Its tables, and one for what the handler of `test/chaos/service.js` does. */
export async function prepareDatabase(url: string): Promise<void> {
  const { adapter, close } = await connectForMigrations({ kind: 'postgres', url });
  await applyMigrations(adapter);
  await close();
  // No key: what is written twice is there twice.
  await ask(
    url,
    `CREATE TABLE chaos_effects (place bigserial, delivery_id text, type text, entity_id text, attempt int)`,
  );
}

/** Waits until nothing waits to be applied. */
export async function drain(url: string): Promise<void> {
  await poll(
    async () => {
      const [row] = await ask<{ pending: number }>(
        url,
        `SELECT count(*)::int AS pending FROM clerk_webhook_events WHERE status = 'pending'`,
      );
      return row?.pending === 0;
    },
    'webhooks still wait to be applied',
    DRAIN_MS_MAX,
  );
}

export async function readOutcome(url: string): Promise<ChaosOutcome> {
  const events = await ask<{ id: string; status: string }>(
    url,
    'SELECT id, status FROM clerk_webhook_events',
  );
  const effects = await ask<{ delivery_id: string; type: string; entity_id: string; attempt: number }>(
    url,
    'SELECT delivery_id, type, entity_id, attempt FROM chaos_effects ORDER BY place',
  );
  const rows = await ask<{ id: string; word: string }>(url, ROWS);
  return {
    statuses: new Map(events.map(({ id, status }) => [id, status])),
    rows: new Map(rows.map(({ id, word }) => [id, word])),
    effects: effects.map((effect) => ({
      deliveryId: effect.delivery_id,
      type: effect.type,
      entityId: effect.entity_id,
    })),
    retried: effects.filter(({ attempt }) => attempt > 1).length,
  };
}

const ROWS = [
  ['users', 'first_name'],
  ['organizations', 'name'],
  ['organization_memberships', 'role'],
]
  .map(
    ([table, content]) => `SELECT clerk_id AS id, CASE
      WHEN deleted_at IS NULL THEN 'live ' || ${content} || ' ' || (extract(epoch FROM updated_at) * 1000)::bigint
      WHEN ${content} IS NULL THEN 'deleted ' || (extract(epoch FROM deleted_at) * 1000)::bigint
      ELSE 'deleted, and not wiped' END AS word FROM ${table}`,
  )
  .join(' UNION ALL ');

async function ask<Row extends object>(url: string, sql: string): Promise<Row[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Row>(sql)).rows;
  } finally {
    await client.end();
  }
}
