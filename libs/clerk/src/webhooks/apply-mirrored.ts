import type { MirroredRows, RowDeletion, RowUpsert } from '../mirror/mirrored-rows.js';
import type { Mirror } from '../mirror/mirror.js';
import { membershipPartiesOf, parseClerkMembership } from '../organizations/clerk-membership.js';
import { parseClerkOrganization } from '../organizations/clerk-organization.js';
import { parseClerkUser } from '../users/clerk-user.js';
import type { SourceVersion } from '../users/source-version.js';
import type { ClerkEvent } from './clerk-event.js';
import type { WebhookDelivery } from './webhook-delivery.js';
import { isRecord } from '../unknown-record.js';

/** `ignored`: it does not say what it should. */
type Mirrored = ClerkEvent | 'stale' | 'ignored';

/**
 * Writes a delivery about a user, an organisation or a membership into the mirror. The event is named by what happened to the
 * row, whatever the delivery is called.
 */
export function applyMirrored(delivery: WebhookDelivery, mirror: Mirror): Promise<Mirrored> {
  if (delivery.type.startsWith('user.')) return applyUser(delivery, mirror.users);
  if (delivery.type.startsWith('organization.')) return applyOrganization(delivery, mirror.organizations);
  return applyMembership(delivery, mirror.memberships);
}

export function versionOf(delivery: WebhookDelivery, updatedAtMs: number): SourceVersion {
  return { updatedAtMs, timestampMs: delivery.timestampMs, deliveryId: delivery.id };
}

async function applyUser(delivery: WebhookDelivery, users: Mirror['users']): Promise<Mirrored> {
  if (delivery.type === 'user.deleted') {
    const deleted = await remove(delivery, users, 'user_');
    if (typeof deleted === 'string') return deleted;
    return { type: 'user.deleted', clerkId: deleted.clerkId, userId: deleted.id };
  }
  const profile = parseClerkUser(delivery.payload?.['data'], delivery.timestampMs);
  if (profile === null) return 'ignored';
  const applied = await users.upsert(profile, versionOf(delivery, profile.updatedAt.getTime()));
  return applied.outcome === 'stale' ? 'stale' : { type: `user.${applied.outcome}`, user: applied.user };
}

async function applyOrganization(
  delivery: WebhookDelivery,
  organizations: Mirror['organizations'],
): Promise<Mirrored> {
  if (delivery.type === 'organization.deleted') {
    const deleted = await remove(delivery, organizations, 'org_');
    if (typeof deleted === 'string') return deleted;
    return { type: 'organization.deleted', organizationId: deleted.clerkId };
  }
  const organization = parseClerkOrganization(delivery.payload?.['data'], delivery.timestampMs);
  const applied = await upsert(delivery, organizations, organization);
  if (typeof applied === 'string') return applied;
  return { type: `organization.${applied.outcome}`, organization: applied.row };
}

async function applyMembership(
  delivery: WebhookDelivery,
  memberships: Mirror['memberships'],
): Promise<Mirrored> {
  const data = delivery.payload?.['data'];
  if (delivery.type === 'organizationMembership.deleted') {
    const deleted = await remove(delivery, memberships, 'orgmem_');
    if (typeof deleted === 'string') return deleted;
    const parties = membershipPartiesOf(isRecord(data) ? data : {});
    return { type: 'organizationMembership.deleted', membershipId: deleted.clerkId, ...parties };
  }
  const applied = await upsert(delivery, memberships, parseClerkMembership(data, delivery.timestampMs));
  if (typeof applied === 'string') return applied;
  return { type: `organizationMembership.${applied.outcome}`, membership: applied.row };
}

async function upsert<Row extends { readonly updatedAt: Date }>(
  delivery: WebhookDelivery,
  rows: MirroredRows<Row>,
  row: Row | null,
): Promise<Exclude<RowUpsert<Row>, { outcome: 'stale' }> | 'stale' | 'ignored'> {
  if (row === null) return 'ignored';
  const applied = await rows.upsert(row, versionOf(delivery, row.updatedAt.getTime()));
  return applied.outcome === 'stale' ? 'stale' : applied;
}

async function remove(
  delivery: WebhookDelivery,
  rows: { delete(clerkId: string, version: SourceVersion): Promise<RowDeletion> },
  prefix: string,
): Promise<{ readonly clerkId: string; readonly id: string | null } | 'stale' | 'ignored'> {
  const { entityId: clerkId } = delivery;
  if (!clerkId?.startsWith(prefix)) return 'ignored';
  const deletion = await rows.delete(clerkId, versionOf(delivery, delivery.timestampMs));
  return deletion.outcome === 'stale' ? 'stale' : { clerkId, id: deletion.id };
}
