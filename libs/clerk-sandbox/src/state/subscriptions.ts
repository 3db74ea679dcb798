import { invalidParameter, notFound } from '../api/api-error.js';
import { optionalText, type Parameters } from './parameters.js';
import type { PlanSlug, World } from './world.js';

const PLANS: Readonly<Record<PlanSlug, { name: string; amountCents: number }>> = {
  free_user: { name: 'Free', amountCents: 0 },
  pro: { name: 'Pro', amountCents: 2_000 },
  enterprise: { name: 'Enterprise', amountCents: 20_000 },
};
const MONTH_MS = 30 * 86_400_000;

/** Which plan a user pays for. Clerk's Backend API cannot set it, so this has no counterpart there. */
export class Subscriptions {
  constructor(private readonly world: World) {}

  planOf(userId: string): PlanSlug {
    return this.world.plans.get(userId) ?? 'free_user';
  }

  setPlan(userId: string, parameters: Parameters): { user_id: string; plan: PlanSlug } {
    if (!this.world.users.has(userId)) throw notFound('User');
    const plan = optionalText(parameters, 'plan');
    if (!isPlan(plan)) throw invalidParameter('plan', `plan must be one of ${Object.keys(PLANS).join(', ')}`);
    this.world.plans.set(userId, plan);
    this.announce(userId, plan);
    return { user_id: userId, plan };
  }

  private announce(userId: string, plan: PlanSlug): void {
    const now = this.world.now();
    const payer = {
      object: 'commerce_payer',
      id: `cpayer_${userId}`,
      user_id: userId,
      created_at: now,
      updated_at: now,
    };
    const item = { ...subscriptionItem(plan, now), id: this.world.createId('csubitem'), payer };
    this.world.announce('subscription.updated', {
      object: 'commerce_subscription',
      id: `csub_${userId}`,
      status: 'active',
      active_at: now,
      created_at: now,
      updated_at: now,
      payer_id: payer.id,
      payer,
      items: [item],
    });
    this.world.announce('subscriptionItem.active', item);
  }
}

function subscriptionItem(plan: PlanSlug, nowMs: number) {
  return {
    object: 'commerce_subscription_item',
    status: 'active',
    plan_period: 'month',
    period_start: nowMs,
    period_end: nowMs + MONTH_MS,
    plan_id: `cplan_${plan}`,
    plan: {
      id: `cplan_${plan}`,
      slug: plan,
      name: PLANS[plan].name,
      amount: PLANS[plan].amountCents,
      currency: 'USD',
      period: 'month',
      interval: 1,
      is_default: plan === 'free_user',
      is_recurring: true,
    },
  };
}

function isPlan(value: unknown): value is PlanSlug {
  return typeof value === 'string' && Object.hasOwn(PLANS, value);
}
