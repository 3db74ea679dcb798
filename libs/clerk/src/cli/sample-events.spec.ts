import { parseClerkOrganization } from '../organizations/clerk-organization.js';
import { parseClerkUser } from '../users/clerk-user.js';
import { SAMPLED_TYPES, sampleOf } from './sample-events.js';

const IDS: Readonly<Record<string, string>> = { user: 'user_1', organization: 'org_1', session: 'sess_1' };
const NOW_MS = 1_800_000_000_000;

function made(type: string, id: string) {
  const sample = sampleOf(type, id, NOW_MS);
  if (sample.outcome === 'refused') throw new Error(sample.reason);
  return sample.data;
}

describe('a sample', () => {
  it.each(SAMPLED_TYPES)('of %s is about what its id names', (type) => {
    const [family = ''] = type.split('.');
    expect(made(type, IDS[family] ?? '')).toMatchObject({ id: IDS[family], object: family });
  });

  it('of a user or organisation is one that the mirror takes as it is', () => {
    const times = { createdAt: new Date(NOW_MS), updatedAt: new Date(NOW_MS) };
    expect(parseClerkUser(made('user.created', 'user_Ab1'))).toMatchObject({
      clerkId: 'user_Ab1',
      email: 'user_ab1@example.com',
      isActive: true,
      ...times,
    });
    const organization = parseClerkOrganization(made('organization.updated', 'org_Ab1'));
    expect(organization).toMatchObject({ clerkId: 'org_Ab1', slug: 'org-ab1', ...times });
  });

  it('of a deletion says no more than Clerk does', () => {
    expect(made('user.deleted', 'user_1')).toEqual({ id: 'user_1', object: 'user', deleted: true });
  });

  it.each([
    ['user.created', 'org_1', 'ID_OF_ANOTHER_KIND'],
    ['session.ended', 'user_1', 'ID_OF_ANOTHER_KIND'],
    ['organizationMembership.created', 'orgmem_1', 'TYPE_HAS_NO_SAMPLE'],
    ['email.created', 'ema_1', 'TYPE_HAS_NO_SAMPLE'],
    ['constructor', 'user_1', 'TYPE_HAS_NO_SAMPLE'],
  ])('is not made of %s with %s', (type, id, reason) => {
    expect(sampleOf(type, id, NOW_MS)).toEqual({ outcome: 'refused', reason });
  });
});
