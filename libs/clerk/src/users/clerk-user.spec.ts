import { parseClerkUser } from './clerk-user.js';

function clerkUser(changes: object = {}): object {
  return {
    object: 'user',
    id: 'user_1',
    first_name: 'Ada',
    last_name: null,
    username: 'ada',
    image_url: 'https://img.example.test/1.png',
    primary_email_address_id: 'idn_2',
    email_addresses: [
      { id: 'idn_1', email_address: 'first@example.test' },
      { id: 'idn_2', email_address: 'primary@example.test' },
    ],
    public_metadata: { tier: 'PRO' },
    private_metadata: { note: 'secret' },
    banned: false,
    locked: false,
    created_at: 1_700_000_000_001,
    updated_at: 1_700_000_000_999,
    ...changes,
  };
}

describe('parseClerkUser', () => {
  it('maps a user, and takes nothing of its private metadata', () => {
    expect(parseClerkUser(clerkUser())).toEqual({
      clerkId: 'user_1',
      email: 'primary@example.test',
      firstName: 'Ada',
      lastName: null,
      username: 'ada',
      imageUrl: 'https://img.example.test/1.png',
      isActive: true,
      metadata: { tier: 'PRO' },
      createdAt: new Date(1_700_000_000_001),
      updatedAt: new Date(1_700_000_000_999),
    });
  });

  it.each([
    ['names no address', { primary_email_address_id: null }],
    ['names an address that is not listed', { primary_email_address_id: 'idn_9' }],
    ['has no addresses', { email_addresses: [] }],
    ['has malformed addresses', { email_addresses: 'primary@example.test' }],
    ['has an address without text', { email_addresses: [{ id: 'idn_2' }] }],
  ])('gives no e-mail to a user who %s', (_what, changes) => {
    expect(parseClerkUser(clerkUser(changes))?.email).toBeNull();
  });

  it.each(['banned', 'locked', 'deprovisioned'])('takes a user who is %s for inactive', (flag) => {
    expect(parseClerkUser(clerkUser({ [flag]: true }))?.isActive).toBe(false);
  });

  it.each([null, [], 'text', undefined])('takes the metadata %j for none', (metadata) => {
    expect(parseClerkUser(clerkUser({ public_metadata: metadata }))?.metadata).toEqual({});
  });

  it('dates a user without times by the event', () => {
    const user = clerkUser({ created_at: undefined, updated_at: 'yesterday' });
    const profile = parseClerkUser(user, 1_700_000_005_000);
    expect(profile?.updatedAt).toEqual(new Date(1_700_000_005_000));
    expect(profile?.createdAt).toEqual(new Date(1_700_000_005_000));
    expect(parseClerkUser(user)).toBeNull();
  });

  it('replaces what a database cannot hold', () => {
    const profile = parseClerkUser(clerkUser({ first_name: 'A\u0000da', public_metadata: { '\ud800': 1 } }));
    expect(profile).toMatchObject({ firstName: 'A\ufffdda', metadata: { '\ufffd': 1 } });
  });

  it('takes a user with metadata of twenty thousand levels, without those below the hundredth', () => {
    const unsafe_metadata: unknown = JSON.parse(`${'['.repeat(20_000)}${']'.repeat(20_000)}`);
    expect(parseClerkUser(clerkUser({ unsafe_metadata }))?.clerkId).toBe('user_1');
    const deep: unknown = JSON.parse(`${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`);
    const profile = parseClerkUser(clerkUser({ public_metadata: deep }));
    expect(JSON.stringify(profile?.metadata)).toBe(`${'{"a":'.repeat(99)}null${'}'.repeat(99)}`);
  });

  it.each([null, 'user_1', [], {}, { id: 'org_1', updated_at: 1 }, { id: 7, updated_at: 1 }])(
    'finds no user in %j',
    (value) => {
      expect(parseClerkUser(value)).toBeNull();
    },
  );
});
