import type { Auth, SessionAuth } from './auth.js';
import { compileDemands } from './demand.js';

function session(organization: SessionAuth['organization']): SessionAuth {
  return {
    tokenType: 'session_token',
    instance: 'default',
    userId: 'user_1',
    sessionId: 'sess_1',
    organization,
    actorId: null,
    expiresAtMs: 0,
    claims: {},
  };
}

const inOrganization = (slug: string | null) =>
  session({ id: 'org_1', slug, role: 'org:member', permissions: [] });
const machine = (subject: string): Auth => ({
  tokenType: 'api_key',
  instance: 'default',
  id: 'ak_1',
  subject,
  scopes: [],
  expiresAtMs: null,
  claims: {},
});

describe('the organisation that a call names', () => {
  const admission = compileDemands([{ kind: 'organization', parameter: 'org' }]);

  it.each<[string, Auth, unknown, string]>([
    ['its id', inOrganization('acme'), 'org_1', 'allowed'],
    ['its slug', inOrganization('acme'), 'acme', 'allowed'],
    ['a slug that looks like the id of another', inOrganization('org_2'), 'org_2', 'denied'],
    ['another', inOrganization('acme'), 'org_2', 'denied'],
    ['nothing', inOrganization('acme'), undefined, 'denied'],
    ['null, where there is no slug', inOrganization(null), null, 'denied'],
    ['empty text, where the slug is empty', inOrganization(''), '', 'denied'],
    ['a list of the right one', inOrganization('acme'), ['org_1'], 'denied'],
    ['one, by nobody of any', session(null), 'org_1', 'denied'],
    ['nothing, by nobody of any', session(null), undefined, 'denied'],
    ['its id, by a key of it', machine('org_1'), 'org_1', 'allowed'],
    ['another, by a key of one', machine('org_1'), 'org_2', 'denied'],
    ['a user as if he were one, by his key', machine('user_1'), 'user_1', 'denied'],
  ])('must be the active one: %s', (_name, auth, named, outcome) => {
    expect(admission(auth, { org: named }).outcome).toBe(outcome);
  });

  it('is looked for among the parameters of the call itself, not of all objects', () => {
    const demand = compileDemands([{ kind: 'organization', parameter: 'constructor' }]);
    expect(demand(inOrganization('acme'), {}).outcome).toBe('denied');
  });
});
