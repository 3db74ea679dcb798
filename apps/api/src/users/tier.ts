import type { Auth } from 'nest-clerk';

export type Tier = 'FREE' | 'PRO' | 'ENTERPRISE';

const RANKS: readonly Tier[] = ['FREE', 'PRO', 'ENTERPRISE'];

/** Slugs of the billing plans, as Clerk's dashboard has them. */
const TIER_BY_PLAN: Readonly<Record<string, Tier>> = {
  free_user: 'FREE',
  free_org: 'FREE',
  pro: 'PRO',
  enterprise: 'ENTERPRISE',
};

/** What the database knows of a user or an organisation. */
export interface MirroredPlan {
  /** Clerk's public metadata. */
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Slug of the plan subscribed to; null where none is known. */
  readonly subscriptionPlan: string | null;
}

/**
 * The highest plan in the token (`pla`: `o:free_org,u:pro`), if it stands for this user, or if this organisation is the active one;
 * null where it names none. It comes before what the database knows.
 */
export function tierOfToken(auth: Auth, ownerId: string): Tier | null {
  if (auth.tokenType !== 'session_token') return null;
  const { pla: plans } = auth.claims;
  if (typeof plans !== 'string') return null;
  const named = plans.split(',').map((plan) => plan.trim());
  if (auth.userId === ownerId) return highest(named);
  return auth.organization?.id === ownerId ? highest(named.filter((plan) => plan.startsWith('o:'))) : null;
}

/** The tier by what the database knows: `tier` of the public metadata, else the plan subscribed to, else FREE. */
export function tierOfPlan({ metadata, subscriptionPlan }: MirroredPlan): Tier {
  return (
    tierNamed(metadata['tier']) ?? highest(subscriptionPlan === null ? [] : [subscriptionPlan]) ?? 'FREE'
  );
}

function highest(plans: readonly string[]): Tier | null {
  const tiers = plans.flatMap((plan) => TIER_BY_PLAN[plan.replace(/^[ou]:/, '')] ?? []);
  return tiers.toSorted((a, b) => RANKS.indexOf(b) - RANKS.indexOf(a))[0] ?? null;
}

function tierNamed(name: unknown): Tier | null {
  const wanted = typeof name === 'string' ? name.toUpperCase() : '';
  return RANKS.find((tier) => tier === wanted) ?? null;
}
