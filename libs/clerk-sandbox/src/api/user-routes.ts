import type { UserJson } from '../state/json.js';
import type { Organizations } from '../state/organizations.js';
import type { Users } from '../state/users.js';
import type { World } from '../state/world.js';
import { invalidParameter } from './api-error.js';
import { list, orderBy, page, paged } from './listing.js';
import type { Routes } from './router.js';

const ORDER_KEYS: Record<string, (user: UserJson) => string | number | null> = {
  created_at: (user) => user.created_at,
  updated_at: (user) => user.updated_at,
  email_address: (user) => user.email_addresses[0]?.email_address ?? null,
  web3wallet: () => null,
  first_name: (user) => user.first_name,
  last_name: (user) => user.last_name,
  phone_number: (user) => user.phone_numbers[0]?.phone_number ?? null,
  username: (user) => user.username,
  last_active_at: (user) => user.last_active_at,
  last_sign_in_at: (user) => user.last_sign_in_at,
};
const TIME_KEYS = ['created_at', 'last_active_at', 'last_sign_in_at'] as const;

/** https://clerk.com/docs/reference/backend-api/tag/users */
export function userRoutes(world: World, users: Users, organizations: Organizations): Routes {
  return {
    'GET /v1/users': ({ query }) =>
      page(orderBy(filterUsers(world, organizations, query), query, ORDER_KEYS), query),
    'GET /v1/users/count': ({ query }) => ({
      object: 'total_count',
      total_count: filterUsers(world, organizations, query).length,
    }),
    'POST /v1/users': ({ body }) => users.create(body),
    'GET /v1/users/:id': ({ path }) => users.get(path['id'] ?? ''),
    'PATCH /v1/users/:id': ({ path, body }) => users.update(path['id'] ?? '', body),
    'DELETE /v1/users/:id': ({ path }) => users.delete(path['id'] ?? ''),
    'POST /v1/users/:id/ban': ({ path }) => users.ban(path['id'] ?? ''),
    'POST /v1/users/:id/unban': ({ path }) => users.unban(path['id'] ?? ''),
    'POST /v1/users/:id/lock': ({ path }) => users.lock(path['id'] ?? ''),
    'POST /v1/users/:id/unlock': ({ path }) => users.unlock(path['id'] ?? ''),
    'PATCH /v1/users/:id/metadata': ({ path, body }) => users.mergeMetadata(path['id'] ?? '', body),
    'PUT /v1/users/:id/metadata': ({ path, body }) => users.replaceMetadata(path['id'] ?? '', body),
    'GET /v1/users/:id/organization_memberships': ({ path, query }) =>
      paged(organizations.membershipsOfUser(users.get(path['id'] ?? '').id), query),
    'POST /v1/email_addresses': ({ body }) => users.addEmail(String(body['user_id'] ?? ''), body),
  };
}

function filterUsers(world: World, organizations: Organizations, query: URLSearchParams): UserJson[] {
  const tests = [
    ...listTests(query, organizations),
    ...TIME_KEYS.flatMap((key) => timeTests(query, key)),
    ...textTests(query),
  ];
  return [...world.users.values()].filter(
    (user) => !world.unlistedIds.has(user.id) && tests.every((test) => test(user)),
  );
}

function listTests(query: URLSearchParams, organizations: Organizations): ((user: UserJson) => boolean)[] {
  const values: Record<string, (user: UserJson) => (string | null)[]> = {
    email_address: (user) => user.email_addresses.map((email) => email.email_address),
    phone_number: (user) => user.phone_numbers.map((phone) => phone.phone_number),
    username: (user) => [user.username],
    user_id: (user) => [user.id],
    external_id: (user) => [user.external_id],
    web3_wallet: () => [],
    organization_id: (user) =>
      organizations.membershipsOfUser(user.id).map(({ organization }) => organization.id),
  };
  return Object.entries(values).flatMap(([name, valuesOf]) => {
    const wanted = new Set(list(query, name));
    return wanted.size === 0
      ? []
      : [(user: UserJson) => valuesOf(user).some((value) => value !== null && wanted.has(value))];
  });
}

function timeTests(query: URLSearchParams, key: (typeof TIME_KEYS)[number]): ((user: UserJson) => boolean)[] {
  return (['before', 'after'] as const).flatMap((side) => {
    const name = `${key}_${side}`;
    const text = query.get(name);
    if (text === null) return [];
    const limit = Number(text);
    if (!Number.isFinite(limit)) throw invalidParameter(name, `${name} must be Unix milliseconds`);
    return [
      (user: UserJson) => (side === 'before' ? (user[key] ?? limit) < limit : (user[key] ?? limit) > limit),
    ];
  });
}

/** `query` looks into every identifier and name, without regard to case. */
function textTests(query: URLSearchParams): ((user: UserJson) => boolean)[] {
  const text = query.get('query')?.toLowerCase();
  if (text === undefined || text === '') return [];
  return [
    (user) =>
      [
        user.id,
        user.username,
        user.first_name,
        user.last_name,
        user.external_id,
        ...user.email_addresses.map((email) => email.email_address),
        ...user.phone_numbers.map((phone) => phone.phone_number),
      ].some((value) => value?.toLowerCase().includes(text)),
  ];
}
