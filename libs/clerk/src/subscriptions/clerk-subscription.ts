import { sourceTimesOf } from '../mirror/source-times.js';
import { storableJson, textOrNull } from '../users/storable-json.js';
import type { MirroredSubscription } from './mirrored-subscription.js';
import { isRecord, type UnknownRecord } from '../unknown-record.js';

/**
 * The subscription in `data` of a `subscription.*` event. Null when it is not one (no id, no payer, or no time at all).
 *
 * @see https://clerk.com/docs/guides/development/webhooks/billing
 */
export function parseClerkSubscription(json: unknown, timestampMs?: number): MirroredSubscription | null {
  if (!isRecord(json)) return null;
  const subscription = storableJson(json);
  if (!isRecord(subscription)) return null;
  const clerkId = textOrNull(subscription['id']);
  const ownerId = payerOf(subscription);
  const times = sourceTimesOf(subscription, timestampMs);
  if (clerkId === null || ownerId === null || times === null) return null;
  return {
    clerkId,
    ownerId,
    planSlug: planInForce(subscription['items']),
    status: textOrNull(subscription['status']),
    ...times,
  };
}

function payerOf(subscription: UnknownRecord): string | null {
  const payer = isRecord(subscription['payer']) ? subscription['payer'] : {};
  return textOrNull(payer['organization_id']) ?? textOrNull(payer['user_id']);
}

/**
 * States in which the payer has the plan, the surest first. What is cancelled is kept until the period ends, and then it is
 * `ended`; what is past due has not ended yet.
 * https://clerk.com/docs/guides/development/webhooks/billing (read 2026-11-21)
 */
const IN_FORCE = ['active', 'canceled', 'past_due'];

/** Of several items in force a paid plan goes before the default one, which every payer has. */
function planInForce(items: unknown): string | null {
  const plans = (Array.isArray(items) ? items : []).flatMap((item: unknown) => {
    if (!isRecord(item) || !isRecord(item['plan'])) return [];
    const slug = textOrNull(item['plan']['slug']);
    const state = IN_FORCE.indexOf(textOrNull(item['status']) ?? '');
    return slug === null || state < 0
      ? []
      : [{ slug, state, isDefault: item['plan']['is_default'] === true }];
  });
  const [first] = plans.toSorted(
    (a, b) => Number(a.isDefault) - Number(b.isDefault) || a.state - b.state || (a.slug < b.slug ? -1 : 1),
  );
  return first?.slug ?? null;
}
