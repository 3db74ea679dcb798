import type { Auth } from 'nest-clerk';

import { tierOfPlan, tierOfToken } from './tier.js';

// Only what the rule looks at is there: the rest of a token takes no part.
const session = (pla?: unknown, userId = 'user_1') =>
  ({ tokenType: 'session_token', userId, claims: { pla } }) as unknown as Auth;

describe('the tier of a user', () => {
  it.each<[string, Auth, string | null]>([
    ['is the plan', session('u:pro'), 'PRO'],
    ['is the highest plan of several', session('o:free_org,u:enterprise,u:pro'), 'ENTERPRISE'],
    ['is that of a free plan too', session('u:free_user'), 'FREE'],
    ['is unknown by a plan that is', session('u:gold'), null],
    ['is unknown without a plan', session(), null],
    ['is unknown by plans that cannot be read', session(['u:pro']), null],
    ['is unknown by the token of somebody else', session('u:enterprise', 'user_2'), null],
  ])('%s in the token', (_name, auth, tier) => {
    expect(tierOfToken(auth, 'user_1')).toBe(tier);
  });

  it.each([
    ['the plan subscribed to, where nothing else says any', {}, 'pro', 'PRO'],
    ['metadata before that', { tier: 'FREE' }, 'enterprise', 'FREE'],
    ['metadata in small letters', { tier: 'enterprise' }, null, 'ENTERPRISE'],
    ['no metadata that cannot be read', { tier: 7 }, null, 'FREE'],
    ['no plan that is unknown', {}, 'gold', 'FREE'],
    ['nothing', {}, null, 'FREE'],
  ])('comes in the database from %s', (_name, metadata, subscriptionPlan, tier) => {
    expect(tierOfPlan({ metadata, subscriptionPlan })).toBe(tier);
  });
});

describe('the tier of an organisation', () => {
  const organization = (id: string, pla: string) =>
    ({
      tokenType: 'session_token',
      userId: 'user_1',
      organization: { id },
      claims: { pla },
    }) as unknown as Auth;

  it.each([
    ['is its own plan, not that of its members', 'org_1', 'o:pro,u:enterprise', 'PRO'],
    ['is not in a token of another one', 'org_2', 'o:pro', null],
    ['is not in a token that names no plan of it', 'org_1', 'u:pro', null],
  ])('%s', (_name, id, pla, tier) => {
    expect(tierOfToken(organization(id, pla), 'org_1')).toBe(tier);
  });
});
