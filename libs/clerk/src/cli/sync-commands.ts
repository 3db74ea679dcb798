import { setTimeout as wait } from 'node:timers/promises';

import { createStorage } from '../storage.js';
import { ClerkSync } from '../sync/clerk-sync.js';
import type { FuseReason } from '../sync/deletion-fuse.js';
import type { ReconcileReport } from '../sync/user-reconciler.js';
import type { CommandContext } from './command-context.js';
import { UsageError, wholeNumber } from './command-words.js';
import { StoredEvents } from './stored-events.js';

const WAIT_SECONDS = 10;
const POLL_MS = 200;

export async function sync(context: CommandContext): Promise<boolean> {
  requireNoWords(context);
  const acceptedInstanceId = context.values['accept-instance'] ?? null;
  const result = await (await openSync(context)).backfill({ acceptedInstanceId });
  context.progress.end();
  if (result.outcome === 'refused') {
    context.print(result, [
      `Nothing was written: ${explain('INSTANCE_DIFFERS')}`,
      `If it is to follow this one from now on: --accept-instance ${result.instanceId}`,
    ]);
    return false;
  }
  const { seen, created, updated, settled, organizations, memberships, organizationRowsWritten } = result;
  context.print(result, [
    `${seen} users at Clerk: ${created} were new here, ${updated} were older here, ${settled} had to be asked for again.`,
    `${organizations} organisations with ${memberships} memberships: ${organizationRowsWritten} were new or older here.`,
  ]);
  return true;
}

export async function reconcile(context: CommandContext): Promise<boolean> {
  requireNoWords(context);
  const { values } = context;
  const deletionsMax = wholeNumber(values['deletions-max'], 'deletions-max');
  const waitSeconds = wholeNumber(values.wait, 'wait') ?? WAIT_SECONDS;
  const isDryRun = values['dry-run'] ?? false;
  const report = await (await openSync(context)).reconcile({ isDryRun, deletionsMax });
  context.progress.end();
  const { deliveryIds, ...counts } = report;
  const events = new StoredEvents(await context.database(), values.name);
  const pending = await countPending(events, deliveryIds, waitSeconds);
  const summary = { ...counts, delivered: deliveryIds.length, pending };
  context.print(summary, describe(report, { isDryRun, pending }));
  return report.fuse === null;
}

async function openSync(context: CommandContext): Promise<ClerkSync> {
  const { listing } = context.backend();
  const database = await context.database();
  const registration = context.values.name;
  const { inbox } = createStorage(database, registration);
  const { progress } = context;
  return new ClerkSync({
    database,
    registration,
    listing,
    inbox,
    onProgress: (step) => progress.update(step),
  });
}

/** How many the service has not applied when the time is up. */
async function countPending(
  events: StoredEvents,
  ids: readonly string[],
  waitSeconds: number,
): Promise<number> {
  if (ids.length === 0) return 0;
  const deadlineMs = Date.now() + waitSeconds * 1_000;
  for (;;) {
    const pending = await events.countPending(ids);
    if (pending === 0 || Date.now() >= deadlineMs) return pending;
    await wait(POLL_MS);
  }
}

function describe(report: ReconcileReport, { isDryRun, pending }: { isDryRun: boolean; pending: number }) {
  const { users, missing, stale, extra, settled, deliveryIds, fuse } = report;
  return [
    `${users} users at Clerk; here ${missing} were missing, ${stale} stale, ${extra} extra.`,
    ...(settled > 0 ? [`${settled} had to be asked for again.`] : []),
    ...(isDryRun ? ['Nothing was changed.'] : []),
    ...(deliveryIds.length > 0 ? [`${deliveryIds.length} webhooks were put into the inbox.`] : []),
    ...(pending > 0 ? [`${pending} of them wait: the service applies them when it runs.`] : []),
    ...(fuse === null ? [] : [`Nobody was deleted: ${explain(fuse)}`]),
  ];
}

function explain(reason: FuseReason): string {
  const explanations: Readonly<Record<FuseReason, string>> = {
    INSTANCE_DIFFERS: 'CLERK_SECRET_KEY is of another Clerk instance than this database was filled from.',
    DATABASE_SHARED:
      'several registrations write to this database, and whose the extra users are cannot be known.',
    TOO_MANY_DELETIONS:
      'more than 5 % of the users, or 1,000, would go. If that is right, say how many: --deletions-max N.',
  };
  return explanations[reason];
}

function requireNoWords({ words, command }: CommandContext): void {
  if (words.length > 0) throw new UsageError(`${command} takes options only.`);
}
