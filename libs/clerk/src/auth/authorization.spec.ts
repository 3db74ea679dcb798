import { createCheckAuthorization } from '@clerk/shared/authorization';
import fc from 'fast-check';

import type { SessionAuth } from './auth.js';
import { compileRequirement } from './authorization.js';
import { type Requirement, requirementProblems } from './requirement.js';

const member: SessionAuth = {
  tokenType: 'session_token',
  instance: 'default',
  userId: 'user_1',
  sessionId: 'sess_1',
  organization: { id: 'org_1', slug: 'acme', role: 'org:member', permissions: ['org:invoices:read'] },
  actorId: null,
  expiresAtMs: 0,
  claims: { pla: 'u:pro,o:team', fea: 'u:export,uo:chat,ou:files', fva: [5, -1] },
};
const outsider: SessionAuth = { ...member, organization: null };

describe('a requirement', () => {
  it.each<[string, Requirement, SessionAuth, string]>([
    ['allows the role with or without prefix', { role: 'member' }, member, 'allowed'],
    ['allows the prefixed role', { role: 'org:member' }, member, 'allowed'],
    ['denies another role', { role: 'org:admin' }, member, 'denied'],
    ['denies a role without an active organisation', { role: 'org:member' }, outsider, 'denied'],
    ['allows a permission', { permission: 'org:invoices:read' }, member, 'allowed'],
    ['denies a permission that is not held', { permission: 'org:invoices:manage' }, member, 'denied'],
    ['allows a plan of either scope', { plan: 'team' }, member, 'allowed'],
    ['denies a plan in the other scope', { plan: 'user:team' }, member, 'denied'],
    ['allows a feature granted to both', { feature: 'org:chat' }, member, 'allowed'],
    ['allows it to the user too', { feature: 'user:chat' }, member, 'allowed'],
    ['allows it in the other order, to the organisation', { feature: 'org:files' }, member, 'allowed'],
    ['allows it in the other order, to the user', { feature: 'user:files' }, member, 'allowed'],
    ['denies when one of two conditions fails', { role: 'member', plan: 'gold' }, member, 'denied'],
    [
      'asks for reverification when only that is missing',
      { role: 'member', reverification: { level: 'first_factor', afterMinutes: 5 } },
      member,
      'reverification-required',
    ],
    [
      'denies plainly when more than reverification is missing',
      { role: 'admin', reverification: { level: 'first_factor', afterMinutes: 5 } },
      member,
      'denied',
    ],
    ['allows when any branch holds', { any: [{ role: 'admin' }, { plan: 'pro' }] }, member, 'allowed'],
    [
      'asks for reverification when that would open a branch',
      { any: [{ role: 'admin' }, { reverification: { level: 'first_factor', afterMinutes: 1 } }] },
      member,
      'reverification-required',
    ],
    ['denies when one of all fails', { all: [{ role: 'member' }, { plan: 'gold' }] }, member, 'denied'],
    ['allows the negation of what does not hold', { not: { role: 'admin' } }, member, 'allowed'],
    ['denies the negation of what holds', { not: { role: 'member' } }, member, 'denied'],
  ])('%s', (_name, requirement, auth, outcome) => {
    expect(compileRequirement(requirement)(auth).outcome).toBe(outcome);
  });

  it.each<[string, unknown]>([
    ['empty', {}],
    ['null', null],
    ['a string', 'role'],
    ['a list', [{ role: 'member' }]],
    ['of an unknown key', { roles: 'member' }],
    ['of an unknown key beside a known one', { role: 'member', roles: 'member' }],
    ['of an undefined value', { role: undefined }],
    ['of an undefined value beside one that holds', { role: 'member', plan: undefined }],
    ['an empty role', { role: '' }],
    ['a role list', { role: ['member'] }],
    ['an empty any', { any: [] }],
    ['an empty all', { all: [] }],
    ['any that is no list', { any: { role: 'member' } }],
    ['a mixture', { any: [{ role: 'member' }], role: 'member' }],
    ['the negation of nothing', { not: {} }],
    ['the negation of an unknown key', { not: { roles: 'x' } }],
    ['the negation of a reverification', { not: { reverification: 'strict' } }],
    ['a system permission', { permission: 'org:sys_memberships:read' }],
    ['the negation of a system permission', { not: { permission: 'org:sys_memberships:read' } }],
    [
      'a system permission beside a branch that holds',
      { any: [{ role: 'member' }, { permission: 'sys_x:y' }] },
    ],
    ['a plan in an unknown scope', { plan: 'team:pro' }],
    ['a plan with too many parts', { plan: 'org:pro:x' }],
    ['an unknown preset', { reverification: 'relaxed' }],
    ['a preset from the prototype', { reverification: 'constructor' }],
    ['a window of no minutes', { reverification: { level: 'first_factor', afterMinutes: 0 } }],
    ['a key from the prototype', JSON.parse('{"__proto__": {"role": "member"}}')],
  ])('that is %s denies and is reported', (_name, requirement) => {
    expect(requirementProblems(requirement)).not.toEqual([]);
    // The type forbids these; a JavaScript caller or a wrong cast can still bring them.
    expect(compileRequirement(requirement as Requirement)(member).outcome).toBe('denied');
  });

  it.each(['u:pro,broken', 7, '', null, ['u:pro']])(
    'grants nothing from the malformed plan claim %j',
    (pla) => {
      const auth = { ...member, claims: { ...member.claims, pla } };
      expect(compileRequirement({ plan: 'pro' })(auth).outcome).toBe('denied');
    },
  );

  it.each([undefined, null, [5], [5, -1, 0], ['5', -1], [Number.NaN, -1], [-2, 0], 'fva', [-1, -1]])(
    'takes the factor ages %j for unverified',
    (fva) => {
      const auth = { ...member, claims: { fva } };
      expect(compileRequirement({ reverification: 'lax' })(auth).outcome).toBe('reverification-required');
    },
  );

  it('agrees with has() of @clerk/shared on every condition that both accept', () => {
    const names = fc.constantFrom('pro', 'team', 'user:pro', 'org:team', 'o:pro', 'u:chat', 'export');
    const condition = fc.record(
      {
        role: fc.constantFrom('admin', 'org:admin', 'member', 'org:org:member'),
        permission: fc.constantFrom('org:invoices:read', 'invoices:read', 'org:invoices:manage'),
        plan: names,
        feature: names,
        reverification: fc.oneof(
          fc.constantFrom('strict_mfa' as const, 'strict' as const, 'moderate' as const, 'lax' as const),
          fc.record({
            level: fc.constantFrom(
              'first_factor' as const,
              'second_factor' as const,
              'multi_factor' as const,
            ),
            afterMinutes: fc.integer({ min: 1, max: 90 }),
          }),
        ),
      },
      { requiredKeys: [] },
    );
    const claimList = fc.constantFrom(
      undefined,
      '',
      'u:pro',
      'o:pro,u:chat',
      'uo:export, o:team',
      'broken',
      'u:pro,broken',
    );
    const age = fc.constantFrom(-1, 0, 5, 9, 10, 59, 60, 1439, 1440);
    const session = fc.record({
      organization: fc.option(
        fc.record({
          id: fc.constant('org_1'),
          slug: fc.constant('acme'),
          role: fc.constantFrom('org:admin', 'org:member'),
          permissions: fc.subarray(['org:invoices:read', 'org:invoices:manage']),
        }),
      ),
      pla: claimList,
      fea: claimList,
      fva: fc.option(fc.tuple(age, age)),
    });
    fc.assert(
      fc.property(condition, session, (asked, { organization, pla, fea, fva }) => {
        const has = createCheckAuthorization({
          userId: 'user_1',
          orgId: organization?.id,
          orgRole: organization?.role,
          orgPermissions: organization?.permissions,
          factorVerificationAge: fva,
          features: fea,
          plans: pla,
        });
        const ours = compileRequirement(asked)({ ...member, organization, claims: { pla, fea, fva } });
        // The oracle's parameter type is a union of exact combinations; the records made here are all in it at run time.
        expect(ours.outcome === 'allowed').toBe(has(asked as Parameters<typeof has>[0]));
      }),
      { numRuns: 5_000 },
    );
  });
});
