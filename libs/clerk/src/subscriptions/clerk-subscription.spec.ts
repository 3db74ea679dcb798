import { parseClerkSubscription } from './clerk-subscription.js';

const item = (slug: string, status: string, isDefault = false) => ({
  status,
  plan: { slug, is_default: isDefault },
});

function subscription(changes: object = {}): object {
  return {
    id: 'csub_1',
    status: 'active',
    payer: { user_id: 'user_1', email: 'ada@example.test', first_name: 'Ada' },
    items: [item('pro', 'active')],
    created_at: 1_700_000_000_001,
    updated_at: 1_700_000_000_999,
    ...changes,
  };
}

describe('parseClerkSubscription', () => {
  it('maps a subscription, and takes nothing of the person but the id', () => {
    expect(parseClerkSubscription(subscription())).toEqual({
      clerkId: 'csub_1',
      ownerId: 'user_1',
      planSlug: 'pro',
      status: 'active',
      createdAt: new Date(1_700_000_000_001),
      updatedAt: new Date(1_700_000_000_999),
    });
  });

  it('belongs to the organisation that pays', () => {
    const payer = { organization_id: 'org_1', user_id: 'user_1' };
    expect(parseClerkSubscription(subscription({ payer }))?.ownerId).toBe('org_1');
  });

  it.each<[string, unknown, string | null]>([
    ['the active one before the one to come', [item('max', 'upcoming'), item('pro', 'active')], 'pro'],
    [
      'what is cancelled, until it has ended',
      [item('pro', 'canceled'), item('free', 'upcoming', true)],
      'pro',
    ],
    [
      'the default one once the paid one has ended',
      [item('pro', 'ended'), item('free', 'active', true)],
      'free',
    ],
    ['the paid one before the default one', [item('free', 'active', true), item('pro', 'past_due')], 'pro'],
    ['the same of two, in any order', [item('b', 'active'), item('a', 'active')], 'a'],
    ['none of those that never came to be', [item('pro', 'incomplete'), item('max', 'abandoned')], null],
    ['none without a plan', [{ status: 'active', plan: null }, 'item', null], null],
    ['none where there is no list', 'items', null],
  ])('is on the plan in force: %s', (_name, items, planSlug) => {
    expect(parseClerkSubscription(subscription({ items }))?.planSlug).toBe(planSlug);
  });

  it.each([
    null,
    [],
    {},
    subscription({ id: '' }),
    subscription({ payer: {} }),
    subscription({ updated_at: null }),
  ])('finds none in %j', (value) => {
    expect(parseClerkSubscription(value)).toBeNull();
  });
});
