import { setTimeout as wait } from 'node:timers/promises';

import { createStorage } from '../storage.js';
import { ClerkSync, type SyncOptions } from '../sync/clerk-sync.service.js';
import type { FuseReason } from '../sync/deletion-fuse.js';
import type { ReconcileReport } from '../sync/reconciler.js';
import type { KindName } from '../sync/sync-kind.js';
import type { CommandContext } from './command-context.js';
import { UsageError, wholeNumber } from './command-words.js';
import { StoredEvents } from './stored-events.js';

const WAIT_SECONDS = 10;
const POLL_MS = 200;

/** In the order of the work. */
const NAMES: readonly (readonly [KindName, string])[] = [
  ['users', 'users'],
  ['organizations', 'organisations'],
  ['memberships', 'memberships'],
];

export async function sync(context: CommandContext): Promise<boolean> {
  requireNoWords(context);
  const acceptedInstanceId = context.values['accept-instance'] ?? null;
  const result = await (await openSync(context)).backfill({ acceptedInstanceId, ...progressOf(context) });
  context.progress.end();
  if (result.outcome === 'refused') {
    context.print(result, [
      `Nothing was written: ${explain('INSTANCE_DIFFERS')}`,
      `If it is to follow this one from now on: --accept-instance ${result.instanceId}`,
    ]);
    return false;
  }
  const { kinds, settled } = result;
  context.print(result, [
    ...NAMES.map(([kind, name]) => {
      const { seen, created, updated } = kinds[kind];
      return `${seen} ${name} at Clerk: ${created} were new here, ${updated} were older here.`;
    }),
    ...askedAgain(settled),
  ]);
  return true;
}

export async function reconcile(context: CommandContext): Promise<boolean> {
  requireNoWords(context);
  const { values } = context;
  const deletionsMax = wholeNumber(values['deletions-max'], 'deletions-max');
  const waitSeconds = wholeNumber(values.wait, 'wait') ?? WAIT_SECONDS;
  const options = {
    isDryRun: values['dry-run'] ?? false,
    isRecentOnly: values.recent ?? false,
    deletionsMax,
  };
  const report = await (await openSync(context)).reconcile({ ...options, ...progressOf(context) });
  context.progress.end();
  const { deliveryIds, ...counts } = report;
  const events = new StoredEvents(await context.database(), values.name);
  const pending = await countPending(events, deliveryIds, waitSeconds);
  const summary = { ...counts, delivered: deliveryIds.length, pending };
  context.print(summary, describe(report, { isDryRun: options.isDryRun, pending }));
  return report.fuse === null;
}

async function openSync(context: CommandContext): Promise<ClerkSync> {
  const { listing } = context.backend();
  const { sync: store, inbox } = createStorage(await context.database(), context.values.name);
  return new ClerkSync({ listing, store, inbox });
}

function progressOf({ progress }: CommandContext): SyncOptions {
  return { onProgress: (step) => progress.update(step) };
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
  const { kinds, settled, usersSinceMs, deliveryIds, fuse } = report;
  const since = usersSinceMs === null ? '' : ` that changed since ${new Date(usersSinceMs).toISOString()}`;
  return [
    ...NAMES.map(([kind, name]) => {
      const { listed, missing, stale, extra } = kinds[kind];
      const scope = kind === 'users' ? since : '';
      return `${listed} ${name} at Clerk${scope}; here ${missing} were missing, ${stale} stale, ${extra} extra.`;
    }),
    ...askedAgain(settled),
    ...(isDryRun ? ['Nothing was changed.'] : []),
    ...(deliveryIds.length > 0 ? [`${deliveryIds.length} webhooks were put into the inbox.`] : []),
    ...(pending > 0 ? [`${pending} of them wait: the service applies them when it runs.`] : []),
    ...(fuse === null ? [] : [`${fusedNames(report)} were not deleted: ${explain(fuse)}`]),
  ];
}

function askedAgain(settled: number): readonly string[] {
  return settled > 0 ? [`${settled} had to be asked for again.`] : [];
}

function fusedNames({ kinds }: ReconcileReport): string {
  const fused = NAMES.filter(([kind]) => kinds[kind].fuse !== null).map(([, name]) => name);
  return `Extra ${fused.join(' and ')}`;
}

function explain(reason: FuseReason): string {
  const explanations: Readonly<Record<FuseReason, string>> = {
    INSTANCE_DIFFERS: 'CLERK_SECRET_KEY is of another Clerk instance than this database was filled from.',
    DATABASE_SHARED:
      'several registrations write to this database, and whose the extra rows are cannot be known.',
    TOO_MANY_DELETIONS:
      'more than 5 % of the rows, or 1,000, would go. If that is right, say how many: --deletions-max N.',
  };
  return explanations[reason];
}

function requireNoWords({ words, command }: CommandContext): void {
  if (words.length > 0) throw new UsageError(`${command} takes options only.`);
}
