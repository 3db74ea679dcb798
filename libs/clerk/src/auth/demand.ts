import type { Auth, SessionAuth } from './auth.js';
import { type Authorization, compileRequirement, type Decision } from './authorization.js';
import type { Requirement } from './requirement.js';

/** One thing that a route demands of whoever was let in. Several add up. */
export type Demand =
  | { readonly kind: 'requirement'; readonly requirement: Requirement }
  /** The active organisation must be the one that this parameter of the path names, by id or slug. */
  | { readonly kind: 'organization'; readonly parameter: string }
  | { readonly kind: 'no-impersonation' }
  /** What a machine token must be granted, all of it. */
  | { readonly kind: 'scopes'; readonly scopes: readonly string[] };

export type PathParameters = Readonly<Record<string, unknown>>;

/** Decides whether somebody who was authenticated may pass. */
export type Admission = (auth: Auth, parameters: PathParameters) => Decision;

const ALLOWED: Decision = Object.freeze({ outcome: 'allowed' });
const DENIED: Decision = Object.freeze({ outcome: 'denied' });

/**
 * Turns the demands of a route into one function, once. No demands: everybody who was authenticated passes.
 *
 * Roles, permissions, plans, features and reverification are a session's; a machine token has none of them. So where any are
 * demanded a machine token passes only if the route also says, by `scopes`, what is asked of machines instead.
 */
export function compileDemands(demands: readonly Demand[]): Admission {
  const requirements = demands.flatMap((demand) =>
    demand.kind === 'requirement' ? [compileRequirement(demand.requirement)] : [],
  );
  const scopes = demands.filter((demand) => demand.kind === 'scopes').flatMap((demand) => demand.scopes);
  const hasScopes = demands.some(({ kind }) => kind === 'scopes');
  const parameters = demands.flatMap((demand) => (demand.kind === 'organization' ? [demand.parameter] : []));
  const refusesActors = demands.some(({ kind }) => kind === 'no-impersonation');
  return (auth, path) => {
    if (!parameters.every((parameter) => isOrganization(auth, path[parameter]))) return DENIED;
    if (auth.tokenType === 'session_token') {
      return refusesActors && auth.actorId !== null ? DENIED : decideAll(requirements, auth);
    }
    if (!hasScopes) return requirements.length === 0 ? ALLOWED : DENIED;
    // An empty list of scopes is a mistake of the route: it must not open what it was meant to guard.
    return scopes.length > 0 && scopes.every((scope) => auth.scopes.includes(scope)) ? ALLOWED : DENIED;
  };
}

/** A denial outranks the hint to verify again: verifying would not help. */
function decideAll(requirements: readonly Authorization[], auth: SessionAuth): Decision {
  let decision = ALLOWED;
  for (const requirement of requirements) {
    const next = requirement(auth);
    if (next.outcome === 'denied') return next;
    if (next.outcome === 'reverification-required') decision = next;
  }
  return decision;
}

function isOrganization(auth: Auth, named: unknown): boolean {
  if (typeof named !== 'string' || named === '') return false;
  if (auth.tokenType !== 'session_token') return auth.subject === named && named.startsWith('org_');
  if (auth.organization === null) return false;
  // An id is never taken for a slug, though a slug may look like one.
  return named === (named.startsWith('org_') ? auth.organization.id : auth.organization.slug);
}
