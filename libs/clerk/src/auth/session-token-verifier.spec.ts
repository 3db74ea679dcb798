import { createHmac, createPrivateKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

import { ClerkError } from '../clerk-error.js';
import { Revocations } from './revocations.js';
import type { ClaimRules } from './session-claims.js';
import { SessionTokenVerifier } from './session-token-verifier.js';
import { parsePemKey, PemTokenKeys } from './token-keys.js';
import { VerifiedTokens } from './verified-tokens.js';

const NOW_SECONDS = 1_800_000_000;
const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
const PEM = publicKey.export({ type: 'spki', format: 'pem' }).toString();

const HEADER = { alg: 'RS256', typ: 'JWT', kid: 'ins_1', cat: 'cl_B7d4PD111AAA' };
const CLAIMS = {
  v: 2,
  iss: 'https://clerk.example.test',
  sub: 'user_1',
  sid: 'sess_1',
  sts: 'active',
  azp: 'https://app.example.test',
  iat: NOW_SECONDS,
  nbf: NOW_SECONDS - 10,
  exp: NOW_SECONDS + 60,
};
const RULES: ClaimRules = {
  instance: 'default',
  issuer: CLAIMS.iss,
  authorizedParties: [],
  authorizedPartyPolicy: 'off',
  audiences: [],
  clockSkewSeconds: 5,
};

const encode = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

function signRaw(header: string, payload: string, key: KeyObject = privateKey): string {
  const signature = sign('sha256', Buffer.from(`${header}.${payload}`), key).toString('base64url');
  return `${header}.${payload}.${signature}`;
}

const token = ({ header = {}, claims = {} }: { header?: object; claims?: object } = {}) =>
  signRaw(encode({ ...HEADER, ...header }), encode({ ...CLAIMS, ...claims }));

/** Finds its key until it is withdrawn. */
class WithdrawableKeys extends PemTokenKeys {
  override withdrawals = 0;
  hits = 0;

  override keepFresh(): void {
    this.hits += 1;
  }

  override find(): KeyObject {
    if (this.withdrawals > 0) throw new ClerkError('TOKEN_KEY_UNKNOWN', 'withdrawn');
    return super.find();
  }
}

function setUp({ rules = {}, ttlMs = 3_600_000 }: { rules?: Partial<ClaimRules>; ttlMs?: number } = {}) {
  const key = parsePemKey(PEM);
  if (key === null) throw new Error('the test key is no key');
  const clock = { nowMs: NOW_SECONDS * 1_000 };
  const revocations = new Revocations(() => clock.nowMs);
  const keys = new WithdrawableKeys(key);
  const verifier = new SessionTokenVerifier({
    keys,
    rules: { ...RULES, ...rules },
    verifiedTokens: new VerifiedTokens({ ttlMs }),
    revocations,
    nowMs: () => clock.nowMs,
  });
  return { verifier, revocations, clock, keys };
}

/** Text that has no place in base64url, in the middle of a part. */
function withText(given: string, index: number, odd: string): string {
  const parts = given.split('.');
  const part = parts[index] ?? '';
  return parts.with(index, `${part.slice(0, 20)}${odd}${part.slice(20)}`).join('.');
}

/** The code of the refusal, or `accepted`. */
async function verdict(given: string, rules: Partial<ClaimRules> = {}): Promise<string> {
  try {
    await setUp({ rules }).verifier.verify(given);
    return 'accepted';
  } catch (error) {
    if (error instanceof ClerkError) return error.code;
    throw error;
  }
}

describe('a good token', () => {
  it('says who it speaks for', () => {
    const auth = setUp().verifier.verify(token());
    expect(auth).toEqual({
      tokenType: 'session_token',
      instance: 'default',
      userId: 'user_1',
      sessionId: 'sess_1',
      organization: null,
      actorId: null,
      expiresAtMs: (NOW_SECONDS + 60) * 1_000,
      claims: CLAIMS,
    });
    expect(Object.isFrozen(auth)).toBe(true);
  });

  it('says which organisation is active, with role and permissions spelled out', async () => {
    const o = { id: 'org_1', slg: 'acme', rol: 'admin', per: 'read,manage', fpm: '3,2' };
    const auth = await setUp().verifier.verify(token({ claims: { o, fea: 'o:invoices,u:chat,ou:files' } }));
    expect(auth.organization).toEqual({
      id: 'org_1',
      slug: 'acme',
      role: 'org:admin',
      permissions: ['org:invoices:read', 'org:invoices:manage', 'org:files:manage'],
    });
  });

  it('keeps apart what one verifier reads of many', async () => {
    const { verifier } = setUp();
    const permissions = async (fea: string, per: string, fpm: string) =>
      (await verifier.verify(token({ claims: { o: { id: 'org_1', rol: 'a', per, fpm }, fea } }))).organization
        ?.permissions;
    for (let round = 0; round < 2; round += 1) {
      expect(await permissions('o:a', 'read,manage', '1')).toEqual(['org:a:read']);
      expect(await permissions('o:a', 'read,manage', '2')).toEqual(['org:a:manage']);
      expect(await permissions('o:ab', 'read', '1')).toEqual(['org:ab:read']);
      expect(await permissions('o:a', 'bread', '1')).toEqual(['org:a:bread']);
      expect(await permissions('o:a', 'read', '11')).toEqual(['org:a:read']);
      expect(await permissions('o:a', 'read1', '1')).toEqual(['org:a:read1']);
    }
    const parties = ['https://a.example', 'https://b.example', 'https://a.example'];
    const claimed = parties.map((azp) => verifier.verify(token({ claims: { azp } })));
    expect((await Promise.all(claimed)).map(({ claims }) => claims['azp'])).toEqual(parties);
  });

  it.each(['', undefined, 5])('stands for no organisation without a role in it: %j', async (rol) => {
    const auth = await setUp().verifier.verify(token({ claims: { o: { id: 'org_1', rol } } }));
    expect(auth.organization).toBeNull();
  });

  it.each(['x', '-1', '9007199254740995', ''])('grants no permission by the mask %j', async (fpm) => {
    const o = { id: 'org_1', rol: 'member', per: 'read,manage,delete', fpm };
    const auth = await setUp().verifier.verify(token({ claims: { o, fea: 'o:invoices' } }));
    expect(auth.organization?.permissions).toEqual([]);
  });

  it('says who impersonates the user', async () => {
    const auth = await setUp().verifier.verify(token({ claims: { act: { sub: 'user_support' } } }));
    expect(auth.actorId).toBe('user_support');
  });
});

describe('the verdict on a token', () => {
  it.each<[string, () => string, string]>([
    ['empty', () => '', 'TOKEN_MALFORMED'],
    ['two parts', () => token().split('.').slice(0, 2).join('.'), 'TOKEN_MALFORMED'],
    ['four parts', () => `${token()}.x`, 'TOKEN_MALFORMED'],
    ['over 8 KiB', () => token({ claims: { x: 'x'.repeat(8_192) } }), 'TOKEN_MALFORMED'],
    ['padding', () => `${token()}=`, 'TOKEN_MALFORMED'],
    ...[0, 1, 2].flatMap((index) =>
      [',', '\u0000', ' ', '\u0141', '%41', '='].map((odd): [string, () => string, string] => [
        `${JSON.stringify(odd)} in part ${index}`,
        () => withText(token(), index, odd),
        'TOKEN_MALFORMED',
      ]),
    ),
    ['no signature', () => `${token().split('.').slice(0, 2).join('.')}.`, 'TOKEN_MALFORMED'],
    ['bits that decode to nothing', nonCanonical, 'TOKEN_MALFORMED'],
    ['standard base64', () => token().replace(/[-_]/, '+'), 'TOKEN_MALFORMED'],
    ['a header that is no JSON', () => signRaw(encode('{'), encode(CLAIMS)), 'TOKEN_MALFORMED'],
    ['a payload that is a list', () => signRaw(encode(HEADER), encode([])), 'TOKEN_MALFORMED'],
    ['a critical header', () => token({ header: { crit: ['exp'] } }), 'TOKEN_MALFORMED'],
    [
      'algorithm none',
      () => `${encode({ ...HEADER, alg: 'none' })}.${encode(CLAIMS)}.`,
      'TOKEN_ALGORITHM_REJECTED',
    ],
    ['algorithm RS512', () => token({ header: { alg: 'RS512' } }), 'TOKEN_ALGORITHM_REJECTED'],
    ['HS256 with the public key', hmacWithPublicKey, 'TOKEN_ALGORITHM_REJECTED'],
    ['a JWT template', () => token({ header: { cat: 'cl_B7d4PD222AAA' } }), 'TOKEN_TYPE_REJECTED'],
    ['a machine token', () => token({ header: { cat: 'cl_B7d4PD333AAA' } }), 'TOKEN_TYPE_REJECTED'],
    ['an OAuth access token', () => token({ header: { typ: 'at+jwt' } }), 'TOKEN_TYPE_REJECTED'],
    ['a machine as subject', () => token({ claims: { sub: 'mch_1' } }), 'TOKEN_TYPE_REJECTED'],
    ['no category', () => token({ header: { cat: undefined } }), 'accepted'],
    ['another key', otherKey, 'TOKEN_SIGNATURE_INVALID'],
    ['changed claims', changedClaims, 'TOKEN_SIGNATURE_INVALID'],
    ['no subject', () => token({ claims: { sub: undefined } }), 'TOKEN_CLAIM_INVALID'],
    ['no session', () => token({ claims: { sid: undefined } }), 'TOKEN_CLAIM_INVALID'],
    ['no issuer', () => token({ claims: { iss: undefined } }), 'TOKEN_CLAIM_INVALID'],
    ['another issuer', () => token({ claims: { iss: 'https://other.test' } }), 'TOKEN_ISSUER_REJECTED'],
    ['no expiry', () => token({ claims: { exp: undefined } }), 'TOKEN_CLAIM_INVALID'],
    ['an expiry as text', () => token({ claims: { exp: '9999999999' } }), 'TOKEN_CLAIM_INVALID'],
    ['an expiry beyond time', () => token({ claims: { exp: 1e15 } }), 'TOKEN_CLAIM_INVALID'],
    ['no time of issue', () => token({ claims: { iat: undefined } }), 'TOKEN_CLAIM_INVALID'],
    ['no start', () => token({ claims: { nbf: undefined } }), 'accepted'],
    ['expired by 5 s', () => token({ claims: { exp: NOW_SECONDS - 5 } }), 'TOKEN_EXPIRED'],
    ['expired by 4 s', () => token({ claims: { exp: NOW_SECONDS - 4 } }), 'accepted'],
    ['starting in 6 s', () => token({ claims: { nbf: NOW_SECONDS + 6 } }), 'TOKEN_NOT_YET_VALID'],
    ['starting in 5 s', () => token({ claims: { nbf: NOW_SECONDS + 5 } }), 'accepted'],
    ['issued in 6 s', () => token({ claims: { iat: NOW_SECONDS + 6 } }), 'TOKEN_ISSUED_IN_FUTURE'],
    ['issued in 5 s', () => token({ claims: { iat: NOW_SECONDS + 5 } }), 'accepted'],
    ['a pending session', () => token({ claims: { sts: 'pending' } }), 'SESSION_PENDING'],
    ['an unknown state', () => token({ claims: { sts: 'paused' } }), 'TOKEN_CLAIM_INVALID'],
    ['no state', () => token({ claims: { sts: undefined } }), 'accepted'],
    ['an actor that cannot be read', () => token({ claims: { act: {} } }), 'TOKEN_CLAIM_INVALID'],
  ])('%s', async (_name, make, expected) => {
    expect(await verdict(make())).toBe(expected);
  });

  it.each<[Partial<ClaimRules>, object, string]>([
    [{ issuer: null }, { iss: 'https://any.test' }, 'accepted'],
    [{ authorizedPartyPolicy: 'strict', authorizedParties: [CLAIMS.azp] }, {}, 'accepted'],
    [{ authorizedPartyPolicy: 'strict', authorizedParties: ['https://b.test'] }, {}, 'TOKEN_PARTY_REJECTED'],
    [
      { authorizedPartyPolicy: 'strict', authorizedParties: [CLAIMS.azp] },
      { azp: undefined },
      'TOKEN_PARTY_REJECTED',
    ],
    [
      { authorizedPartyPolicy: 'allow-missing', authorizedParties: [CLAIMS.azp] },
      { azp: undefined },
      'accepted',
    ],
    [
      { authorizedPartyPolicy: 'allow-missing', authorizedParties: ['https://b.test'] },
      {},
      'TOKEN_PARTY_REJECTED',
    ],
    [{ audiences: ['api'] }, {}, 'TOKEN_AUDIENCE_REJECTED'],
    [{ audiences: ['api'] }, { aud: 'web' }, 'TOKEN_AUDIENCE_REJECTED'],
    [{ audiences: ['api'] }, { aud: ['web', 'api'] }, 'accepted'],
  ])('with the rules %j and the claims %j: %s', async (rules, claims, expected) => {
    expect(await verdict(token({ claims }), rules)).toBe(expected);
  });
});

describe('a token that was verified before', () => {
  it('is answered without a promise, with the same object', () => {
    const { verifier } = setUp();
    const given = token();
    expect(verifier.verify(given)).toBe(verifier.verify(given));
  });

  it('has old keys fetched anew: nothing else would, if all tokens are remembered', () => {
    const { verifier, keys } = setUp();
    const given = token();
    void verifier.verify(given);
    expect(keys.hits).toBe(0);
    void verifier.verify(given);
    expect(keys.hits).toBe(1);
  });

  it('is forgotten when a key is withdrawn', () => {
    const { verifier, keys } = setUp();
    const given = token();
    void verifier.verify(given);
    keys.withdrawals = 1;
    expect(verifier.remembers(given)).toBe(false);
    expect(() => verifier.verify(given)).toThrow(expect.objectContaining({ code: 'TOKEN_KEY_UNKNOWN' }));
  });

  it.each([1, '', [], null, {}])('names a key by text and nothing else: kid %j', (kid) => {
    const { verifier, keys } = setUp();
    const asked: (string | null)[] = [];
    keys.find = (keyId?: string | null) => {
      asked.push(keyId ?? null);
      throw new ClerkError('TOKEN_KEY_UNKNOWN', 'none');
    };
    expect(() => verifier.verify(token({ header: { kid } }))).toThrow('none');
    expect(asked).toEqual([null]);
  });

  it('is refused once it has expired, started again or been revoked', async () => {
    const { verifier, clock, revocations } = setUp();
    const given = token();
    await verifier.verify(given);
    clock.nowMs += 65_000;
    expect(() => verifier.verify(given)).toThrow(expect.objectContaining({ code: 'TOKEN_EXPIRED' }));
    clock.nowMs = (NOW_SECONDS - 20) * 1_000;
    expect(() => verifier.verify(given)).toThrow(expect.objectContaining({ code: 'TOKEN_NOT_YET_VALID' }));
    clock.nowMs = NOW_SECONDS * 1_000;
    revocations.add({ revocation: { kind: 'session', sessionId: 'sess_1' }, untilMs: clock.nowMs + 1 });
    expect(() => verifier.verify(given)).toThrow(expect.objectContaining({ code: 'SESSION_REVOKED' }));
  });

  it('of a user who was banned is refused, and one that was issued later is not', async () => {
    const { verifier, revocations } = setUp();
    const atMs = (NOW_SECONDS - 1) * 1_000;
    revocations.add({
      revocation: { kind: 'user', userId: 'user_1', atMs, isDeleted: false },
      untilMs: 1e15,
    });
    await expect(async () =>
      verifier.verify(token({ claims: { iat: NOW_SECONDS - 1 } })),
    ).rejects.toMatchObject({
      code: 'SESSION_REVOKED',
    });
    expect(await verifier.verify(token())).toMatchObject({ userId: 'user_1' });
  });

  it('of a user who was deleted is refused, whenever it was issued', () => {
    const { verifier, revocations } = setUp();
    revocations.add({
      revocation: { kind: 'user', userId: 'user_1', atMs: 0, isDeleted: true },
      untilMs: 1e15,
    });
    expect(() => verifier.verify(token())).toThrow(expect.objectContaining({ code: 'USER_DELETED' }));
  });

  it('is not kept where the option says so', () => {
    const { verifier } = setUp({ ttlMs: 0 });
    const given = token();
    expect(verifier.verify(given)).not.toBe(verifier.verify(given));
  });

  it('is kept among so many and no more', () => {
    const tokens = new VerifiedTokens({ tokensMax: 10, ttlMs: 60_000 });
    const session = { auth: { expiresAtMs: 1e15 }, issuedAtSeconds: 0, notBeforeMs: 0 };
    // The cache looks at the times of a session and at nothing else.
    const keep = (digest: string) => tokens.set(digest, session as Parameters<VerifiedTokens['set']>[1], 0);
    const all = Array.from({ length: 100 }, (_, index) => `token${index}`);
    all.forEach(keep);
    const kept = all.filter((digest) => tokens.get(digest, 1) !== null);
    expect(kept.length).toBeLessThanOrEqual(10);
    expect(kept).toContain('token99');
  });
});

describe('a PEM key', () => {
  it('is taken with its line breaks written as \\n too, and refused when it is not RSA of 2048 bits', () => {
    expect(parsePemKey(PEM.replaceAll('\n', '\\n'))).not.toBeNull();
    const short = generateKeyPairSync('rsa', { modulusLength: 1_024 }).publicKey;
    const curve = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey;
    for (const key of [short, curve]) {
      expect(parsePemKey(key.export({ type: 'spki', format: 'pem' }).toString())).toBeNull();
    }
    expect(parsePemKey('no key')).toBeNull();
  });
});

function hmacWithPublicKey(): string {
  const input = `${encode({ ...HEADER, alg: 'HS256' })}.${encode(CLAIMS)}`;
  return `${input}.${createHmac('sha256', PEM).update(input).digest('base64url')}`;
}

function otherKey(): string {
  const other = generateKeyPairSync('rsa', { modulusLength: 2_048 }).privateKey;
  return signRaw(
    encode(HEADER),
    encode(CLAIMS),
    createPrivateKey(other.export({ type: 'pkcs8', format: 'pem' })),
  );
}

/** 256 bytes end in a character of which two bits count: three others decode to the same bytes. */
function nonCanonical(): string {
  const given = token();
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const last = alphabet.indexOf(given.at(-1) ?? '');
  const other = `${given.slice(0, -1)}${alphabet[last + 1]}`;
  expect(Buffer.from(other.split('.')[2] ?? '', 'base64url')).toEqual(
    Buffer.from(given.split('.')[2] ?? '', 'base64url'),
  );
  return other;
}

function changedClaims(): string {
  const [header, , signature] = token().split('.');
  return `${header}.${encode({ ...CLAIMS, sub: 'user_2' })}.${signature}`;
}
