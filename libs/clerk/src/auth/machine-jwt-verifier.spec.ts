import { createClerkClient } from '@clerk/backend';
import { ClerkSandbox, createSigningKey, SEEDED_USERS } from 'clerk-sandbox';

import { ClerkError } from '../clerk-error.js';
import { MachineJwtVerifier, machineJwtType, type MachineJwtType } from './machine-jwt-verifier.js';
import { Revocations } from './revocations.js';
import { parsePemKey, PemTokenKeys } from './token-keys.js';

const NOW_SECONDS = Math.floor(Date.now() / 1_000);
const M2M = {
  sub: 'mch_1',
  jti: 'mt_1',
  iss: 'https://clerk.example.test',
  iat: NOW_SECONDS - 10,
  nbf: NOW_SECONDS - 10,
  exp: NOW_SECONDS + 60,
  scopes: 'mch_2 mch_3',
  plan: 'gold',
};
const OAUTH = {
  ...M2M,
  sub: 'user_1',
  jti: 'oat_1',
  client_id: 'client_1',
  scope: 'email profile',
  scopes: undefined,
};
const OAUTH_HEADER = { typ: 'at+jwt', cat: undefined };

let sandbox: ClerkSandbox;

beforeAll(async () => {
  sandbox = await ClerkSandbox.start();
});

afterAll(() => sandbox.stop());

interface Wanted {
  readonly claims?: object;
  readonly header?: object;
  readonly key?: ReturnType<typeof createSigningKey>;
}

/** A session token with everything of a session taken away. */
function token(wanted: Wanted = {}): string {
  const nothing = Object.fromEntries(
    ['sid', 'sts', 'fva', 'azp', 'pla', 'fea', 'v', 'o'].map((name) => [name, undefined]),
  );
  return sandbox.signIn(SEEDED_USERS.free.id, {
    claims: { ...nothing, ...M2M, ...wanted.claims },
    header: { cat: 'cl_B7d4PD333AAA', ...wanted.header },
    ...(wanted.key === undefined ? {} : { key: wanted.key }),
  }).token;
}

const revocations = new Revocations(Date.now);

function verify(tokenType: MachineJwtType, value: string, audiences: readonly string[] = []) {
  const key = parsePemKey(sandbox.jwtKey);
  if (key === null) throw new Error('The sandbox has a key.');
  const keys = new PemTokenKeys(key);
  const parts = { keys, revocations, instance: 'default', audiences, clockSkewSeconds: 5, nowMs: Date.now };
  try {
    return new MachineJwtVerifier(parts).verify(tokenType, value);
  } catch (error) {
    return error instanceof ClerkError ? error.code : error;
  }
}

describe('a machine token as JWT', () => {
  it('gives what the official client gives', async () => {
    const client = createClerkClient({ jwtKey: sandbox.jwtKey, secretKey: sandbox.secretKey });
    for (const claims of [{}, { scopes: undefined, aud: ['mch_9'] }, { scopes: undefined }]) {
      const value = token({ claims });
      const { id, subject, scopes, claims: custom } = await client.m2m.verify({ token: value });
      expect(verify('m2m_token', value)).toEqual({
        tokenType: 'm2m_token',
        instance: 'default',
        expiresAtMs: M2M.exp * 1_000,
        id,
        subject,
        scopes,
        claims: custom,
      });
    }
  });

  it('is known by its subject, an OAuth access token by its type, and nothing by being malformed', () => {
    expect(machineJwtType(token())).toBe('m2m_token');
    expect(machineJwtType(token({ claims: OAUTH, header: OAUTH_HEADER }))).toBe('oauth_token');
    expect(machineJwtType(token({ claims: { sub: 'user_1' } }))).toBeNull();
    expect(['x', 'a.b.c', `${token()}=`].map(machineJwtType)).toEqual([null, null, null]);
  });

  it.each<[string, Wanted, string]>([
    ['of another category', { header: { cat: 'cl_B7d4PD111AAA' } }, 'TOKEN_TYPE_REJECTED'],
    ['of another type', { header: { typ: 'JWS' } }, 'TOKEN_TYPE_REJECTED'],
    ['that is OAuth', { header: OAUTH_HEADER }, 'TOKEN_TYPE_REJECTED'],
    ['signed by another key', { key: createSigningKey() }, 'TOKEN_SIGNATURE_INVALID'],
    ['that has expired', { claims: { exp: NOW_SECONDS - 6 } }, 'TOKEN_EXPIRED'],
    ['without an end', { claims: { exp: undefined } }, 'TOKEN_CLAIM_INVALID'],
    ['that starts later', { claims: { nbf: NOW_SECONDS + 60 } }, 'TOKEN_NOT_YET_VALID'],
    ['from the future', { claims: { iat: NOW_SECONDS + 60 } }, 'TOKEN_ISSUED_IN_FUTURE'],
    ['without an id', { claims: { jti: undefined } }, 'TOKEN_CLAIM_INVALID'],
    ['with scopes that are none', { claims: { scopes: [1] } }, 'TOKEN_CLAIM_INVALID'],
  ])('is refused: one %s', (_name, wanted, code) => {
    expect(verify('m2m_token', token(wanted))).toBe(code);
  });
});

describe('an OAuth access token as JWT', () => {
  const oauth = (claims = {}) => token({ claims: { ...OAUTH, ...claims }, header: OAUTH_HEADER });

  it('says who it stands for and what it may', () => {
    expect(verify('oauth_token', oauth())).toMatchObject({
      tokenType: 'oauth_token',
      id: 'oat_1',
      subject: 'user_1',
      scopes: ['email', 'profile'],
    });
    expect(verify('oauth_token', oauth({ scp: ['email'] }))).toMatchObject({ scopes: ['email'] });
    expect(verify('oauth_token', oauth({ scope: undefined }))).toMatchObject({ scopes: [] });
  });

  it('must be for the audience, where one is configured', () => {
    const audiences = ['https://api.example.com'];
    expect(verify('oauth_token', oauth({ aud: ['https://api.example.com'] }), audiences)).toMatchObject({
      id: 'oat_1',
    });
    expect(verify('oauth_token', oauth({ aud: 'https://api.example.com' }), audiences)).toMatchObject({
      id: 'oat_1',
    });
    expect(verify('oauth_token', oauth({ aud: ['https://other.example'] }), audiences)).toBe(
      'TOKEN_AUDIENCE_REJECTED',
    );
    expect(verify('oauth_token', oauth(), audiences)).toBe('TOKEN_AUDIENCE_REJECTED');
  });

  it.each([
    [true, 'USER_DELETED'],
    [false, 'SESSION_REVOKED'],
  ])('ends with the user that it stands for (deleted: %j)', (isDeleted, code) => {
    const sub = `user_gone_${isDeleted}`;
    expect(verify('oauth_token', oauth({ sub }))).toMatchObject({ subject: sub });
    revocations.add({
      revocation: { kind: 'user', userId: sub, atMs: Date.now(), isDeleted },
      untilMs: Date.now() + 60_000,
    });
    expect(verify('oauth_token', oauth({ sub }))).toBe(code);
  });

  it('is no machine token, nor is any other JWT one of its kind', () => {
    expect(verify('oauth_token', token({ claims: OAUTH, header: { cat: undefined } }))).toBe(
      'TOKEN_TYPE_REJECTED',
    );
    expect(verify('m2m_token', oauth())).toBe('TOKEN_TYPE_REJECTED');
  });
});
