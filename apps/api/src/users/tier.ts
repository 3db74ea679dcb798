import type { Auth, MirroredUser } from 'nest-clerk';

export type Tier = 'FREE' | 'PRO' | 'ENTERPRISE';

const RANKS: readonly Tier[] = ['FREE', 'PRO', 'ENTERPRISE'];

/** Slugs of the billing plans, as Clerk's dashboard has them. */
const TIER_BY_PLAN: Readonly<Record<string, Tier>> = {
  free_user: 'FREE',
  free_org: 'FREE',
  pro: 'PRO',
  enterprise: 'ENTERPRISE',
};

/**
 * The tier of a user: the highest plan in the token (`pla`: `o:free_org,u:pro`), else `tier` of the public metadata, else
 * FREE. A token says more than metadata only about the user whom it stands for.
 */
export function tierOf(user: MirroredUser, auth: Auth): Tier {
  const isOwnToken = auth.tokenType === 'session_token' && auth.userId === user.clerkId;
  return (isOwnToken ? tierOfPlans(auth.claims['pla']) : null) ?? tierNamed(user.metadata['tier']) ?? 'FREE';
}

function tierOfPlans(plans: unknown): Tier | null {
  if (typeof plans !== 'string') return null;
  const tiers = plans.split(',').flatMap((plan) => TIER_BY_PLAN[plan.trim().replace(/^[ou]:/, '')] ?? []);
  return tiers.toSorted((a, b) => RANKS.indexOf(b) - RANKS.indexOf(a))[0] ?? null;
}

function tierNamed(name: unknown): Tier | null {
  const wanted = typeof name === 'string' ? name.toUpperCase() : '';
  return RANKS.find((tier) => tier === wanted) ?? null;
}
