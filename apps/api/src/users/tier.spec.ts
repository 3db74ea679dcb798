import type { Auth, MirroredUser } from 'nest-clerk';

import { tierOf } from './tier.js';

const user = (metadata: Record<string, unknown> = {}) =>
  ({ clerkId: 'user_1', metadata }) as unknown as MirroredUser;
const session = (pla?: unknown, userId = 'user_1') =>
  ({ tokenType: 'session_token', userId, claims: { pla } }) as unknown as Auth;

describe('the tier of a user', () => {
  // Only what the rule looks at is there: the rest of a user and of a token takes no part.
  it.each<[string, MirroredUser, Auth, string]>([
    ['the plan in the token', user(), session('u:pro'), 'PRO'],
    ['the highest of several', user(), session('o:free_org,u:enterprise,u:pro'), 'ENTERPRISE'],
    ['a free plan, whatever metadata says', user({ tier: 'PRO' }), session('u:free_user'), 'FREE'],
    ['metadata, where no plan is known', user({ tier: 'enterprise' }), session('u:gold'), 'ENTERPRISE'],
    ['metadata, where the token has none', user({ tier: 'PRO' }), session(), 'PRO'],
    [
      'metadata, where the token is of somebody else',
      user({ tier: 'PRO' }),
      session('u:enterprise', 'user_2'),
      'PRO',
    ],
    ['nothing that can be read', user({ tier: 7 }), session(['u:pro']), 'FREE'],
    ['nothing at all', user(), session(), 'FREE'],
  ])('comes from %s', (_name, who, auth, tier) => {
    expect(tierOf(who, auth)).toBe(tier);
  });
});
