import { REPAIR_ID_START } from '../mirror/repair-id.js';
import type { WebhookDelivery } from '../webhooks/webhook-delivery.js';
import type { MirroredContent, SyncKind } from './sync-kind.js';
import type { SyncedRow } from './synced-rows.js';

export interface RepairSource {
  /** Names the look that found it: another look that finds the same is no repetition of this one. */
  readonly runId: string;
  readonly instanceId: string;
}

/** What the webhook that was lost would have said: the same way in, so that handlers and revocations follow as from any other. */
export function updateDelivery(
  source: RepairSource,
  kind: SyncKind,
  { content, raw }: { readonly content: MirroredContent; readonly raw: unknown },
): WebhookDelivery {
  // Not our clock: it would make this newer than a webhook that says the same.
  const timestampMs = content.updatedAt.getTime();
  return delivery(source, kind, { content, timestampMs, type: `${kind.eventFamily}.updated`, data: raw });
}

/**
 * What settles a row in doubt: later than the row, of the same `updated_at` too, so that it is written and ends the doubt. Whoever
 * settles the same state of the row makes the same delivery, which the inbox takes once.
 */
export function settlingDelivery(
  instanceId: string,
  kind: SyncKind,
  found: { readonly content: MirroredContent; readonly raw: unknown; readonly row: SyncedRow },
): WebhookDelivery {
  const { content, raw: data, row } = found;
  const updatedAtMs = content.updatedAt.getTime();
  // Not by its id alone: the row may have been settled before, by one whose id is greater.
  const timestampMs = Math.max(updatedAtMs, row.timestampMs + 1);
  const source = { runId: `${updatedAtMs}_${timestampMs}`, instanceId };
  return delivery(source, kind, { content, timestampMs, type: `${kind.eventFamily}.updated`, data });
}

/** `nowMs`: when it was found, Unix time, milliseconds. A deletion counts whatever its version, so our clock does no harm here. */
export function deletionDelivery(
  source: RepairSource,
  kind: SyncKind,
  { content, nowMs }: { readonly content: MirroredContent; readonly nowMs: number },
): WebhookDelivery {
  const data = kind.deletedData(content);
  return delivery(source, kind, { content, timestampMs: nowMs, type: `${kind.eventFamily}.deleted`, data });
}

function delivery(
  { runId, instanceId }: RepairSource,
  kind: SyncKind,
  event: {
    readonly content: MirroredContent;
    readonly timestampMs: number;
    readonly type: string;
    readonly data: unknown;
  },
): WebhookDelivery {
  const { content, timestampMs, type, data } = event;
  return {
    id: `${REPAIR_ID_START}${runId}_${content.clerkId}`,
    type,
    entityId: content.clerkId,
    userId: kind.userIdOf(content),
    timestampMs,
    instanceId,
    payload: { data, object: 'event', type, timestamp: timestampMs, instance_id: instanceId },
  };
}
