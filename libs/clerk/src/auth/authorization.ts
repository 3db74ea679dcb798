import type { SessionAuth } from './auth.js';
import {
  type Condition,
  parseScoped,
  type Requirement,
  requirementProblems,
  withoutOrgPrefix,
} from './requirement.js';
import { compileReverification, type Reverification } from './reverification.js';

export type Decision =
  | { readonly outcome: 'allowed' }
  | { readonly outcome: 'denied' }
  /** All but the reverification holds: the caller may verify again and retry. */
  | { readonly outcome: 'reverification-required'; readonly reverification: Reverification };

export type Authorization = (auth: SessionAuth) => Decision;

const ALLOWED: Decision = Object.freeze({ outcome: 'allowed' });
const DENIED: Decision = Object.freeze({ outcome: 'denied' });
const deny: Authorization = () => DENIED;

/**
 * Turns a requirement into a function, once for each handler. A requirement that `requirementProblems` finds fault with
 * denies always, wherever it stands: `{ not: {} }` does not allow.
 */
export function compileRequirement(requirement: Requirement): Authorization {
  return requirementProblems(requirement).length > 0 ? deny : compile(requirement);
}

function compile(requirement: Requirement): Authorization {
  if ('any' in requirement) return anyOf(requirement.any.map(compile));
  if ('all' in requirement) return allOf(requirement.all.map(compile));
  if ('not' in requirement) return negation(compile(requirement.not));
  return allOf(compileCondition(requirement));
}

function compileCondition(condition: Condition): Authorization[] {
  const { role, permission, plan, feature, reverification } = condition;
  return [
    ...(role === undefined ? [] : [test((auth) => hasRole(auth, role))]),
    ...(permission === undefined ? [] : [test((auth) => hasPermission(auth, permission))]),
    ...(plan === undefined ? [] : [test(scopedTest('pla', plan))]),
    ...(feature === undefined ? [] : [test(scopedTest('fea', feature))]),
    ...(reverification === undefined ? [] : [reverificationTest(reverification)]),
  ];
}

function test(holds: (auth: SessionAuth) => boolean): Authorization {
  return (auth) => (holds(auth) ? ALLOWED : DENIED);
}

function anyOf(parts: readonly Authorization[]): Authorization {
  return (auth) => {
    const decisions = parts.map((part) => part(auth));
    return (
      decisions.find((decision) => decision.outcome === 'allowed') ??
      decisions.find((decision) => decision.outcome === 'reverification-required') ??
      DENIED
    );
  };
}

/** A plain denial outranks the hint to verify again: verifying would not help. */
function allOf(parts: readonly Authorization[]): Authorization {
  return (auth) => {
    const decisions = parts.map((part) => part(auth));
    return (
      decisions.find((decision) => decision.outcome === 'denied') ??
      decisions.find((decision) => decision.outcome === 'reverification-required') ??
      ALLOWED
    );
  };
}

function negation(part: Authorization): Authorization {
  return (auth) => (part(auth).outcome === 'denied' ? ALLOWED : DENIED);
}

function hasRole(auth: SessionAuth, role: string): boolean {
  return auth.organization !== null && withoutOrgPrefix(auth.organization.role) === withoutOrgPrefix(role);
}

function hasPermission(auth: SessionAuth, permission: string): boolean {
  return auth.organization?.permissions.includes(`org:${withoutOrgPrefix(permission)}`) ?? false;
}

function reverificationTest(reverification: Reverification): Authorization {
  const rule = compileReverification(reverification);
  if (rule === null) return deny;
  const required: Decision = Object.freeze({ outcome: 'reverification-required', reverification });
  return (auth) => (rule(auth.claims['fva']) ? ALLOWED : required);
}

/** `pla` and `fea` are lists of `u:name`, `o:name` or `uo:name`; a malformed list grants nothing. */
function scopedTest(claim: 'pla' | 'fea', wanted: string): (auth: SessionAuth) => boolean {
  const parsed = parseScoped(wanted);
  return (auth) => {
    const value = auth.claims[claim];
    if (parsed === null || typeof value !== 'string' || value === '') return false;
    const items = value.split(',').map((item) => item.trim());
    if (!items.every((item) => item.includes(':'))) return false;
    return items.some((item) => {
      const colon = item.indexOf(':');
      return item.slice(colon + 1) === parsed.name && inScope(item.slice(0, colon), parsed.scope);
    });
  };
}

function inScope(granted: string, wanted: 'user' | 'org' | 'either'): boolean {
  const forUser = ['u', 'uo', 'ou'].includes(granted);
  const forOrg = ['o', 'uo', 'ou'].includes(granted);
  return (forUser && wanted !== 'org') || (forOrg && wanted !== 'user');
}
