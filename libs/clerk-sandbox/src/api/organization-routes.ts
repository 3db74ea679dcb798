import type { MembershipJson, OrganizationJson } from '../state/json.js';
import type { Organizations } from '../state/organizations.js';
import type { World } from '../state/world.js';
import { list, orderBy, paged } from './listing.js';
import type { Routes } from './router.js';

const ORGANIZATION_KEYS: Record<string, (organization: OrganizationJson) => string | number> = {
  name: ({ name }) => name,
  created_at: ({ created_at }) => created_at,
  members_count: ({ members_count }) => members_count,
};
const MEMBERSHIP_KEYS: Record<string, (membership: MembershipJson) => string | number> = {
  created_at: ({ created_at }) => created_at,
  email_address: ({ public_user_data }) => public_user_data.identifier,
  role: ({ role }) => role,
};

/** https://clerk.com/docs/reference/backend-api/tag/organizations */
export function organizationRoutes(world: World, organizations: Organizations): Routes {
  return {
    'GET /v1/organizations': ({ query }) =>
      paged(orderBy(filterOrganizations(world, query), query, ORGANIZATION_KEYS), query),
    'POST /v1/organizations': ({ body }) => organizations.create(body),
    'GET /v1/organizations/:id': ({ path }) => organizations.get(path['id'] ?? ''),
    'PATCH /v1/organizations/:id': ({ path, body }) => organizations.update(path['id'] ?? '', body),
    'PATCH /v1/organizations/:id/metadata': ({ path, body }) =>
      organizations.mergeMetadata(path['id'] ?? '', body),
    'DELETE /v1/organizations/:id': ({ path }) => organizations.delete(path['id'] ?? ''),
    'GET /v1/organization_memberships': ({ query }) =>
      paged(orderBy(listed(world, [...world.memberships.values()]), query, MEMBERSHIP_KEYS), query),
    'GET /v1/organizations/:id/memberships': ({ path, query }) =>
      paged(
        orderBy(filterMemberships(organizations, path['id'] ?? '', query), query, MEMBERSHIP_KEYS),
        query,
      ),
    'POST /v1/organizations/:id/memberships': ({ path, body }) =>
      organizations.addMember(path['id'] ?? '', body),
    'PATCH /v1/organizations/:id/memberships/:user': ({ path, body }) =>
      organizations.updateMember(path['id'] ?? '', path['user'] ?? '', body),
    'DELETE /v1/organizations/:id/memberships/:user': ({ path }) =>
      organizations.removeMember(path['id'] ?? '', path['user'] ?? ''),
  };
}

function filterOrganizations(world: World, query: URLSearchParams): OrganizationJson[] {
  const text = query.get('query')?.toLowerCase() ?? '';
  const ids = list(query, 'organization_id');
  return listed(world, [...world.organizations.values()]).filter(
    ({ id, name, slug }) =>
      (ids.length === 0 || ids.includes(id)) &&
      [id, name, slug].some((value) => value.toLowerCase().includes(text)),
  );
}

function listed<T extends { readonly id: string }>(world: World, items: readonly T[]): T[] {
  return items.filter(({ id }) => !world.unlistedIds.has(id));
}

function filterMemberships(
  organizations: Organizations,
  id: string,
  query: URLSearchParams,
): MembershipJson[] {
  const userIds = list(query, 'user_id');
  const roles = list(query, 'role');
  return organizations
    .membershipsOf(organizations.get(id).id)
    .filter(
      ({ public_user_data, role }) =>
        (userIds.length === 0 || userIds.includes(public_user_data.user_id)) &&
        (roles.length === 0 || roles.includes(role)),
    );
}
