import type { WebhookDelivery } from '../webhooks/webhook-delivery.js';

export interface RepairSource {
  /** Names the look that found it: another look that finds the same is no repetition of this one. */
  readonly runId: string;
  readonly instanceId: string;
}

/** What the webhook that was lost would have said: the same way in, so that handlers and revocations follow as from any other. */
export function updateDelivery(
  { runId, instanceId }: RepairSource,
  user: { readonly clerkId: string; readonly updatedAtMs: number; readonly raw: object },
): WebhookDelivery {
  const { clerkId, updatedAtMs, raw } = user;
  return {
    id: `sync_${runId}_${clerkId}`,
    type: 'user.updated',
    entityId: clerkId,
    userId: clerkId,
    // Not our clock: it would make this newer than a webhook that says the same.
    timestampMs: updatedAtMs,
    instanceId,
    payload: {
      data: { ...raw },
      object: 'event',
      type: 'user.updated',
      timestamp: updatedAtMs,
      instance_id: instanceId,
    },
  };
}

/** `nowMs`: when it was found, Unix time, milliseconds. A deletion counts whatever its version, so our clock does no harm here. */
export function deletionDelivery(
  { runId, instanceId }: RepairSource,
  { clerkId, nowMs }: { readonly clerkId: string; readonly nowMs: number },
): WebhookDelivery {
  return {
    id: `sync_${runId}_${clerkId}`,
    type: 'user.deleted',
    entityId: clerkId,
    userId: clerkId,
    timestampMs: nowMs,
    instanceId,
    payload: {
      data: { id: clerkId, object: 'user', deleted: true },
      object: 'event',
      type: 'user.deleted',
      timestamp: nowMs,
      instance_id: instanceId,
    },
  };
}
