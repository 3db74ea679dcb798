import { parseClerkMembership } from './clerk-membership.js';
import { parseClerkOrganization } from './clerk-organization.js';

const ORGANIZATION = {
  object: 'organization',
  id: 'org_1',
  name: 'Acme',
  slug: 'acme',
  image_url: 'https://img.example.test/1.png',
  public_metadata: { region: 'eu' },
  private_metadata: { note: 'secret' },
  created_at: 1_700_000_000_001,
  updated_at: 1_700_000_000_999,
};

const MEMBERSHIP = {
  object: 'organization_membership',
  id: 'orgmem_1',
  role: 'org:admin',
  permissions: ['org:invoices:read', 7],
  public_metadata: { desk: 4 },
  private_metadata: { note: 'secret' },
  organization: ORGANIZATION,
  public_user_data: {
    user_id: 'user_1',
    identifier: 'ada@example.test',
    first_name: 'Ada',
    last_name: 'Byron',
  },
  created_at: 1_700_000_000_002,
  updated_at: 1_700_000_000_998,
};

describe('parseClerkOrganization', () => {
  it('maps an organisation, and takes nothing of its private metadata', () => {
    expect(parseClerkOrganization(ORGANIZATION)).toEqual({
      clerkId: 'org_1',
      name: 'Acme',
      slug: 'acme',
      imageUrl: 'https://img.example.test/1.png',
      metadata: { region: 'eu' },
      createdAt: new Date(1_700_000_000_001),
      updatedAt: new Date(1_700_000_000_999),
    });
  });

  it('dates one without times by the event, and refuses one without any', () => {
    const undated = { id: 'org_1', updated_at: 'yesterday' };
    const date = new Date(1_700_000_005_000);
    expect(parseClerkOrganization(undated, 1_700_000_005_000)).toMatchObject({
      createdAt: date,
      updatedAt: date,
    });
    expect(parseClerkOrganization(undated)).toBeNull();
  });

  it.each([null, 'org_1', [], {}, { id: 'user_1', updated_at: 1 }, { id: 7, updated_at: 1 }])(
    'finds no organisation in %j',
    (value) => {
      expect(parseClerkOrganization(value)).toBeNull();
    },
  );
});

describe('parseClerkMembership', () => {
  it('maps a membership, and takes nothing of the person but the id', () => {
    expect(parseClerkMembership(MEMBERSHIP)).toEqual({
      clerkId: 'orgmem_1',
      organizationId: 'org_1',
      userId: 'user_1',
      role: 'org:admin',
      permissions: ['org:invoices:read'],
      metadata: { desk: 4 },
      createdAt: new Date(1_700_000_000_002),
      updatedAt: new Date(1_700_000_000_998),
    });
  });

  it.each([
    ['another id', { id: 'org_1' }],
    ['no organisation', { organization: null }],
    ['no person', { public_user_data: {} }],
    ['no time', { updated_at: null }],
  ])('finds none with %s', (_what, changes) => {
    expect(parseClerkMembership({ ...MEMBERSHIP, ...changes })).toBeNull();
  });
});
