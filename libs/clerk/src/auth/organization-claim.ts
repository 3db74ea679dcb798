import type { ActiveOrganization } from './auth.js';
import { isRecord, type UnknownRecord } from '../unknown-record.js';

/** Sets of permissions that are remembered: one for each role and each choice of features. */
const PERMISSION_SETS_MAX = 1_000;

/** Reads the active organisation out of the claims of session tokens. */
export class OrganizationReader {
  readonly #permissionSets = new Map<string, readonly string[]>();

  /**
   * By version 2 of the claims (`o`), else version 1 (`org_id`, …). Null when there is none, or none that can be read: a person
   * without an organisation may do less, never more.
   *
   * @see https://clerk.com/docs/guides/sessions/session-tokens
   */
  read(claims: UnknownRecord): ActiveOrganization | null {
    return claims['v'] === 2 ? this.#readVersion2(claims) : readVersion1(claims);
  }

  #readVersion2(claims: UnknownRecord): ActiveOrganization | null {
    const claim = claims['o'];
    if (!isRecord(claim)) return null;
    const { id, slg, rol, per, fpm } = claim;
    if (typeof id !== 'string' || id === '' || typeof rol !== 'string' || rol === '') return null;
    return Object.freeze({
      id,
      slug: typeof slg === 'string' ? slg : null,
      role: `org:${rol}`,
      permissions: this.#permissions([text(claims['fea']), text(per), text(fpm)]),
    });
  }

  /** Everybody with the same role has the same: worked out once, and one list in memory. */
  #permissions([features, names, masks]: readonly [string, string, string]): readonly string[] {
    const key = `${features.length} ${names.length} ${features}${names}${masks}`;
    const known = this.#permissionSets.get(key);
    if (known !== undefined) return known;
    const permissions = Object.freeze(permissionsOf(words(features), words(names), words(masks)));
    if (this.#permissionSets.size >= PERMISSION_SETS_MAX) this.#permissionSets.clear();
    this.#permissionSets.set(key, permissions);
    return permissions;
  }
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

function readVersion1(claims: UnknownRecord): ActiveOrganization | null {
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

function text(claim: unknown): string {
  return typeof claim === 'string' ? claim : '';
}

function words(list: string): string[] {
  return list === '' ? [] : list.split(',').map((word) => word.trim());
}
