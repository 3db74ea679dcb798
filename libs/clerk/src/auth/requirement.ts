import { compileReverification, type Reverification } from './reverification.js';

/**
 * What a session must have. Everything that is named must hold (AND).
 *
 * @see https://clerk.com/docs/reference/backend/types/auth-object#has
 */
export interface Condition {
  /** Role in the active organisation: `org:admin` or `admin`. */
  readonly role?: string;
  /** Custom permission in the active organisation: `org:invoices:manage`. System permissions (`org:sys_*`) are never in a token. */
  readonly permission?: string;
  /** Billing plan of the user or of the active organisation: `pro`, `user:pro` or `org:pro`. */
  readonly plan?: string;
  /** Billing feature, written like a plan. */
  readonly feature?: string;
  /** How lately the user must have proved who they are: a preset or `{ level, afterMinutes }`. */
  readonly reverification?: Reverification;
}

/** A condition, or conditions combined. An empty, unknown or mixed requirement denies. */
export type Requirement =
  | Condition
  | { readonly any: readonly Requirement[] }
  | { readonly all: readonly Requirement[] }
  | { readonly not: Requirement };

/** Says what is wrong with a requirement; empty when nothing is. A requirement with a problem denies. */
export function requirementProblems(requirement: unknown, path = 'requirement'): string[] {
  if (typeof requirement !== 'object' || requirement === null || Array.isArray(requirement)) {
    return [`${path} must be an object`];
  }
  const entries = Object.entries(requirement);
  if (entries.length === 0) return [`${path} is empty`];
  const combiner = entries.find(([key]) => ['any', 'all', 'not'].includes(key));
  if (combiner === undefined) return entries.flatMap(([key, value]) => conditionProblems(key, value, path));
  if (entries.length > 1) return [`${path} mixes ${combiner[0]} with other keys: nest them instead`];
  return combinerProblems(combiner[0], combiner[1], path);
}

function combinerProblems(key: string, value: unknown, path: string): string[] {
  if (key === 'not') {
    const problems = requirementProblems(value, `${path}.not`);
    // "Has not verified lately" would let a stale session in where a fresh one is refused.
    return mentionsReverification(value) ? [...problems, `${path}.not holds a reverification`] : problems;
  }
  if (!Array.isArray(value) || value.length === 0) return [`${path}.${key} must be a list that is not empty`];
  return value.flatMap((part, index) => requirementProblems(part, `${path}.${key}[${index}]`));
}

/** What each key of a condition must be. A key given as `undefined` is a fault, not an absent wish: it would weaken the rule. */
const CONDITION_RULES: Readonly<Record<string, { holds: (value: unknown) => boolean; must: string }>> = {
  role: { holds: isFilled, must: 'be a role such as "org:admin"' },
  permission: {
    holds: (value) => isFilled(value) && !withoutOrgPrefix(value).startsWith('sys_'),
    must: 'be a custom permission: Clerk puts no system permission (org:sys_*) in a session token',
  },
  plan: { holds: isScopedName, must: 'be a name, optionally after "user:" or "org:"' },
  feature: { holds: isScopedName, must: 'be a name, optionally after "user:" or "org:"' },
  reverification: {
    holds: (value) => compileReverification(value) !== null,
    must: 'be a preset of Clerk, or { level, afterMinutes } with minutes above 0',
  },
};

function conditionProblems(key: string, value: unknown, path: string): string[] {
  const rule = Object.hasOwn(CONDITION_RULES, key) ? CONDITION_RULES[key] : undefined;
  if (rule === undefined) return [`${path}.${key} is not a requirement that exists`];
  return rule.holds(value) ? [] : [`${path}.${key} must ${rule.must}`];
}

/** A plan or feature name with its scope; null when it is malformed. */
export function parseScoped(text: string): { scope: 'user' | 'org' | 'either'; name: string } | null {
  const [first = '', second, ...rest] = text.split(':');
  if (rest.length > 0 || first === '' || second === '') return null;
  if (second === undefined) return { scope: 'either', name: first };
  if (['u', 'user'].includes(first)) return { scope: 'user', name: second };
  return ['o', 'org', 'organization'].includes(first) ? { scope: 'org', name: second } : null;
}

function mentionsReverification(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return 'reverification' in value || Object.values(value).some(mentionsReverification);
}

export function withoutOrgPrefix(name: string): string {
  return name.replace(/^(org:)+/, '');
}

function isScopedName(value: unknown): boolean {
  return isFilled(value) && parseScoped(value) !== null;
}

function isFilled(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}
