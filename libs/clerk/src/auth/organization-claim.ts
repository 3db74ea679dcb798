import type { ActiveOrganization } from './auth.js';

type Json = Readonly<Record<string, unknown>>;

/**
 * The active organisation in the claims of a session token: version 2 (`o`), else version 1 (`org_id`, …). Null when there
 * is none, or none that can be read: a person without an organisation may do less, never more.
 *
 * @see https://clerk.com/docs/guides/sessions/session-tokens
 */
export function organizationIn(claims: Json): ActiveOrganization | null {
  return claims['v'] === 2 ? fromVersion2(claims) : fromVersion1(claims);
}

function fromVersion2(claims: Json): ActiveOrganization | null {
  const claim = claims['o'];
  if (typeof claim !== 'object' || claim === null) return null;
  const { id, slg, rol, per, fpm }: Json = { ...claim };
  if (typeof id !== 'string' || id === '' || typeof rol !== 'string' || rol === '') return null;
  return Object.freeze({
    id,
    slug: typeof slg === 'string' ? slg : null,
    role: `org:${rol}`,
    permissions: Object.freeze(permissionsOf(words(claims['fea']), words(per), words(fpm))),
  });
}

/** `fpm` has a number for each feature of the organisation, in the order of `fea`: bit i is for the i-th name in `per`. */
function permissionsOf(
  features: readonly string[],
  names: readonly string[],
  masks: readonly string[],
): string[] {
  const ofOrganization = features
    .map((feature) => /^([ou]{1,2}):(.+)$/.exec(feature))
    .flatMap((match) => (match?.[1]?.includes('o') && match[2] !== undefined ? [match[2]] : []));
  return ofOrganization.flatMap((feature, index) => {
    const mask = Number(masks[index] ?? '0');
    if (!Number.isSafeInteger(mask) || mask < 0) return [];
    return names
      .filter((_name, bit) => Math.floor(mask / 2 ** bit) % 2 === 1)
      .map((name) => `org:${feature}:${name}`);
  });
}

function fromVersion1(claims: Json): ActiveOrganization | null {
  const { org_id: id, org_slug: slug, org_role: role, org_permissions: permissions } = claims;
  if (typeof id !== 'string' || id === '' || typeof role !== 'string' || role === '') return null;
  const names: readonly unknown[] = Array.isArray(permissions) ? permissions : [];
  return Object.freeze({
    id,
    slug: typeof slug === 'string' ? slug : null,
    role: role.startsWith('org:') ? role : `org:${role}`,
    permissions: Object.freeze(names.filter((name) => typeof name === 'string')),
  });
}

function words(list: unknown): string[] {
  return typeof list === 'string' && list !== '' ? list.split(',').map((word) => word.trim()) : [];
}
