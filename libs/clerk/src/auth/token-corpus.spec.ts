import { constants, createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

import { verifyToken } from '@clerk/backend';

import { ClerkError } from '../clerk-error.js';
import { Revocations } from './revocations.js';
import { SessionTokenVerifier } from './session-token-verifier.js';
import { parsePemKey, PemTokenKeys } from './token-keys.js';
import { VerifiedTokens } from './verified-tokens.js';

/**
 * Tokens, the verdict on each, and that of the official client. Where they differ we are stricter, and the reason is written
 * beside it: nothing that the official client refuses is accepted here.
 */
interface Case {
  readonly name: string;
  readonly token: string;
  readonly verdict: string;
  /** Why the official client takes it and we do not. */
  readonly stricter?: string;
}

const NOW_SECONDS = Math.floor(Date.now() / 1_000);
const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
const PEM = publicKey.export({ type: 'spki', format: 'pem' }).toString();
const CURVE = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const OTHER = generateKeyPairSync('rsa', { modulusLength: 2_048 }).privateKey;

const HEADER = { alg: 'RS256', typ: 'JWT', kid: 'ins_1', cat: 'cl_B7d4PD111AAA' };
const CLAIMS = {
  v: 2,
  iss: 'https://clerk.example.test',
  sub: 'user_1',
  sid: 'sess_1',
  sts: 'active',
  iat: NOW_SECONDS,
  nbf: NOW_SECONDS - 10,
  exp: NOW_SECONDS + 3_600,
};

const encode = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

function signed(header: unknown, claims: unknown, key: KeyObject = privateKey, digest = 'sha256'): string {
  const input = `${encode(header)}.${encode(claims)}`;
  return `${input}.${sign(digest, Buffer.from(input), key).toString('base64url')}`;
}

const withHeader = (header: object) => signed({ ...HEADER, ...header }, CLAIMS);
const withClaims = (claims: object) => signed(HEADER, { ...CLAIMS, ...claims });
const GOOD = signed(HEADER, CLAIMS);

const shown = (value: unknown) => (value === undefined ? 'missing' : JSON.stringify(value).slice(0, 40));

const corpus: readonly Case[] = [
  { name: 'a good token', token: GOOD, verdict: 'accepted' },
  ...headerCases(),
  ...algorithmCases(),
  ...claimCases(),
  ...timeCases(),
  ...shapeCases(),
  ...stillGoodCases(),
];

function headerCases(): Case[] {
  const wrong = [
    null,
    '',
    'none',
    'RS384',
    'RS512',
    'PS256',
    'ES256',
    'HS256',
    'rs256',
    'RS256 ',
    256,
    true,
    [],
    ['RS256'],
    {},
    undefined,
  ];
  const types = ['at+jwt', 'application/at+jwt', 'JWE', 'jwt', '', 1, null];
  const categories = ['cl_B7d4PD222AAA', 'cl_B7d4PD333AAA', 'cl_I7d4PD111III', '', 'session', 1, null];
  return [
    ...wrong.map((alg) => ({
      name: `header alg ${shown(alg)}`,
      token: withHeader({ alg }),
      verdict: 'TOKEN_ALGORITHM_REJECTED',
    })),
    ...types.map((typ) => ({
      name: `header typ ${shown(typ)}`,
      token: withHeader({ typ }),
      verdict: 'TOKEN_TYPE_REJECTED',
      stricter: 'a session token is of type JWT, or says nothing of it',
    })),
    ...categories.map((cat) => ({
      name: `header cat ${shown(cat)}`,
      token: withHeader({ cat }),
      verdict: 'TOKEN_TYPE_REJECTED',
      stricter: 'verifyToken does not look whether a token is of the session category',
    })),
    ...[['exp'], [], 'exp', null].map((crit) => ({
      name: `header crit ${shown(crit)}`,
      token: withHeader({ crit }),
      verdict: 'TOKEN_MALFORMED',
      stricter: 'RFC 7515, 4.1.11: a critical field that is not understood must be refused',
    })),
  ];
}

function algorithmCases(): Case[] {
  const unsigned = `${encode({ ...HEADER, alg: 'none' })}.${encode(CLAIMS)}.`;
  const hmac = (alg: string, digest: string, secret: string) => {
    const input = `${encode({ ...HEADER, alg })}.${encode(CLAIMS)}`;
    return `${input}.${createHmac(digest, secret).update(input).digest('base64url')}`;
  };
  const input = `${encode(HEADER)}.${encode(CLAIMS)}`;
  const pss = sign('sha256', Buffer.from(input), {
    key: privateKey,
    padding: constants.RSA_PKCS1_PSS_PADDING,
  });
  const flipped = Buffer.from(GOOD.split('.')[2] ?? '', 'base64url');
  flipped[100] = (flipped[100] ?? 0) ^ 1;
  const signature = (bytes: Buffer) => `${input}.${bytes.toString('base64url')}`;
  const bad: [string, string, string][] = [
    ['alg none without a signature', unsigned, 'TOKEN_ALGORITHM_REJECTED'],
    [
      'alg none with the signature of another',
      `${unsigned}${GOOD.split('.')[2]}`,
      'TOKEN_ALGORITHM_REJECTED',
    ],
    ['HS256 with the public key as secret', hmac('HS256', 'sha256', PEM), 'TOKEN_ALGORITHM_REJECTED'],
    ['HS512 with the public key as secret', hmac('HS512', 'sha512', PEM), 'TOKEN_ALGORITHM_REJECTED'],
    ['an HMAC that says RS256', hmac('RS256', 'sha256', PEM), 'TOKEN_SIGNATURE_INVALID'],
    ['another RSA key', signed(HEADER, CLAIMS, OTHER), 'TOKEN_SIGNATURE_INVALID'],
    ['a signature of a curve', signed(HEADER, CLAIMS, CURVE), 'TOKEN_SIGNATURE_INVALID'],
    ['SHA-512 that says RS256', signed(HEADER, CLAIMS, privateKey, 'sha512'), 'TOKEN_SIGNATURE_INVALID'],
    ['SHA-1 that says RS256', signed(HEADER, CLAIMS, privateKey, 'sha1'), 'TOKEN_SIGNATURE_INVALID'],
    ['PSS padding that says RS256', signature(pss), 'TOKEN_SIGNATURE_INVALID'],
    ['one bit flipped', signature(flipped), 'TOKEN_SIGNATURE_INVALID'],
    ['a signature of zeros', signature(Buffer.alloc(256)), 'TOKEN_SIGNATURE_INVALID'],
    ['a signature of one byte', signature(Buffer.from([1])), 'TOKEN_SIGNATURE_INVALID'],
    ['a signature that is too long', signature(Buffer.alloc(512, 1)), 'TOKEN_SIGNATURE_INVALID'],
    [
      'the signature of another token',
      `${withClaims({ sub: 'user_2' }).split('.').slice(0, 2).join('.')}.${GOOD.split('.')[2]}`,
      'TOKEN_SIGNATURE_INVALID',
    ],
    [
      'a key of its own in the header',
      signed({ ...HEADER, jwk: publicKey.export({ format: 'jwk' }) }, CLAIMS, OTHER),
      'TOKEN_SIGNATURE_INVALID',
    ],
    [
      'the address of keys in the header',
      signed({ ...HEADER, jku: 'https://evil.test/jwks' }, CLAIMS, OTHER),
      'TOKEN_SIGNATURE_INVALID',
    ],
    [
      'a certificate in the header',
      signed({ ...HEADER, x5c: ['MII'] }, CLAIMS, OTHER),
      'TOKEN_SIGNATURE_INVALID',
    ],
  ];
  return bad.map(([name, token, verdict]) => ({ name, token, verdict }));
}

function claimCases(): Case[] {
  const notText = [undefined, null, '', 0, 1, true, [], ['user_1'], {}];
  const reasons: Record<string, string> = {
    sub: 'a subject that is no text, or an empty one, is nobody',
    sid: 'a session token belongs to a session',
    iss: 'the issuer is pinned',
  };
  const sts = [null, '', 'ended', 'Active', 1, true, {}];
  const act = ['user_2', 1, true, [], {}, { sub: '' }, { sub: 1 }, { sub: null }];
  return [
    ...Object.entries(reasons).flatMap(([claim, stricter]) =>
      notText.map((value) => ({
        name: `claim ${claim} ${shown(value)}`,
        token: withClaims({ [claim]: value }),
        verdict: 'TOKEN_CLAIM_INVALID',
        stricter,
      })),
    ),
    ...['mch_1', 'org_1', 'USER_1', 'user', ' user_1', 'user-1'].map((sub) => ({
      name: `claim sub ${shown(sub)}`,
      token: withClaims({ sub }),
      verdict: 'TOKEN_TYPE_REJECTED',
      stricter: 'verifyToken takes a machine for a user: only user_… is one',
    })),
    ...[
      'https://clerk.example.test/',
      'http://clerk.example.test',
      'https://CLERK.example.test',
      'https://evil.test',
      'clerk.example.test',
    ].map((iss) => ({
      name: `claim iss ${shown(iss)}`,
      token: withClaims({ iss }),
      verdict: 'TOKEN_ISSUER_REJECTED',
      stricter: 'verifyToken of this version does not check the issuer',
    })),
    {
      name: 'claim sts "pending"',
      token: withClaims({ sts: 'pending' }),
      verdict: 'SESSION_PENDING',
      stricter: 'a pending session is not signed in',
    },
    ...sts.map((value) => ({
      name: `claim sts ${shown(value)}`,
      token: withClaims({ sts: value }),
      verdict: 'TOKEN_CLAIM_INVALID',
      stricter: 'a state that is not known is not taken for an active one',
    })),
    ...act.map((value) => ({
      name: `claim act ${shown(value)}`,
      token: withClaims({ act: value }),
      verdict: 'TOKEN_CLAIM_INVALID',
      stricter: 'an impersonation that cannot be read must not pass for the user',
    })),
  ];
}

function timeCases(): Case[] {
  const notTimes = [null, '', '1800000000', 'soon', true, [], {}, -1, 1e12, 1e300];
  const stricter = 'a time is a number of seconds before the year 10000';
  const wrong = ['exp', 'iat', 'nbf'].flatMap((claim) =>
    notTimes.map((value) => ({
      name: `claim ${claim} ${shown(value)}`,
      token: withClaims({ [claim]: value }),
      verdict: 'TOKEN_CLAIM_INVALID',
      stricter,
    })),
  );
  return [
    ...wrong,
    { name: 'claim exp missing', token: withClaims({ exp: undefined }), verdict: 'TOKEN_CLAIM_INVALID' },
    {
      name: 'claim iat missing',
      token: withClaims({ iat: undefined }),
      verdict: 'TOKEN_CLAIM_INVALID',
      stricter: 'revocation needs the time of issue',
    },
    ...[60, 3_600, 1e6].map((ago) => ({
      name: `expired ${ago} s ago`,
      token: withClaims({ exp: NOW_SECONDS - ago }),
      verdict: 'TOKEN_EXPIRED',
    })),
    { name: 'expiry at the start of time', token: withClaims({ exp: 0 }), verdict: 'TOKEN_EXPIRED' },
    ...[60, 3_600, 1e6].map((ahead) => ({
      name: `starting in ${ahead} s`,
      token: withClaims({ nbf: NOW_SECONDS + ahead }),
      verdict: 'TOKEN_NOT_YET_VALID',
    })),
    ...[60, 3_000].map((ahead) => ({
      name: `issued in ${ahead} s`,
      token: withClaims({ iat: NOW_SECONDS + ahead, nbf: undefined }),
      verdict: 'TOKEN_ISSUED_IN_FUTURE',
    })),
  ];
}

function shapeCases(): Case[] {
  const [header = '', payload = '', signature = ''] = GOOD.split('.');
  const raw = (name: string, token: string, stricter?: string): Case => ({
    name,
    token,
    verdict: 'TOKEN_MALFORMED',
    ...(stricter === undefined ? {} : { stricter }),
  });
  const canonical = 'one token has one spelling: base64url without padding, white space or spare bits';
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const spare = `${signature.slice(0, -1)}${alphabet[alphabet.indexOf(signature.at(-1) ?? '') + 1]}`;
  const texts = [
    '',
    '.',
    '..',
    '...',
    'a',
    'a.b',
    'a.b.c',
    'a.b.c.d',
    'null',
    '{}',
    '{}.{}.{}',
    'Bearer x',
    '\u0000',
    '😀.😀.😀',
    '....',
  ];
  const notObjects = ['', '{', 'null', '[]', '5', '"text"', 'true', '{"a":}', '\u0000', '{}{}'];
  const deep = `${'{"a":'.repeat(500)}1${'}'.repeat(500)}`;
  return [
    ...texts.map((text) => raw(`the text ${shown(text)}`, text)),
    ...notObjects.map((text) => raw(`a header that is ${shown(text)}`, signed(text, CLAIMS))),
    ...notObjects.map((text) =>
      raw(`a payload that is ${shown(text)}`, signed(HEADER, text), 'claims are an object'),
    ),
    raw('no header', `.${payload}.${signature}`),
    raw('no payload', `${header}..${signature}`),
    raw('no signature', `${header}.${payload}.`),
    raw('a part too many', `${GOOD}.${signature}`),
    raw('a dot behind it', `${GOOD}.`),
    raw('padding behind the header', `${header}=.${payload}.${signature}`, canonical),
    raw('padding behind the signature', `${GOOD}==`, canonical),
    raw('spare bits in the signature', `${header}.${payload}.${spare}`, canonical),
    raw('a blank before it', ` ${GOOD}`, canonical),
    raw('a line break behind it', `${GOOD}\n`, canonical),
    raw(
      'a line break inside',
      `${header}.${payload}.${signature.slice(0, 9)}\n${signature.slice(9)}`,
      canonical,
    ),
    raw('the other alphabet', `${header}.${payload}.${signature.replace(/[-_]/, '+')}`, canonical),
    raw('a huge payload', withClaims({ x: 'x'.repeat(20_000) }), 'no session token is over 8 KiB'),
    raw('a huge header', withHeader({ x: 'x'.repeat(20_000) }), 'no session token is over 8 KiB'),
    raw(
      'a deep payload',
      signed(HEADER, `{"x":${deep},"y":"${'y'.repeat(8_000)}"}`),
      'no session token is over 8 KiB',
    ),
  ];
}

/** What must not be refused by mistake. */
function stillGoodCases(): Case[] {
  const good: [string, string][] = [
    ['no typ', withHeader({ typ: undefined })],
    ['no cat', withHeader({ cat: undefined })],
    ['no kid, verified with a PEM key', withHeader({ kid: undefined })],
    ['an unknown header field', withHeader({ extra: { a: 1 } })],
    ['no sts', withClaims({ sts: undefined })],
    ['no nbf', withClaims({ nbf: undefined })],
    ['no version', withClaims({ v: undefined })],
    ['fractions of seconds', withClaims({ exp: NOW_SECONDS + 60.5, iat: NOW_SECONDS - 0.5 })],
    ['custom claims', withClaims({ tenant: 'acme', nested: { list: [1, 'two', null] } })],
    [
      'a deep claim',
      signed(HEADER, JSON.stringify(CLAIMS).replace('{', `{"deep":${'['.repeat(300)}${']'.repeat(300)},`)),
    ],
    ['an actor', withClaims({ act: { sub: 'user_support', iss: 'x' } })],
    ['no actor', withClaims({ act: null })],
    ['an organisation', withClaims({ o: { id: 'org_1', rol: 'admin', slg: 'a' } })],
    ['an organisation that cannot be read', withClaims({ o: 5 })],
    [
      'features that cannot be read',
      withClaims({ fea: 5, o: { id: 'org_1', rol: 'admin', per: 5, fpm: 'x' } }),
    ],
    ['text beyond ASCII', withClaims({ name: 'Zoë 😀' })],
    ['white space in JSON', signed(HEADER, JSON.stringify(CLAIMS, null, 2))],
    [
      'a claim twice: the last one counts, for both',
      signed(HEADER, JSON.stringify(CLAIMS).replace('{', '{"sub":"user_0",')),
    ],
    [
      '__proto__ as a claim',
      signed(HEADER, JSON.stringify(CLAIMS).replace('{', '{"__proto__":{"sub":"user_0"},')),
    ],
  ];
  return good.map(([name, token]) => ({ name, token, verdict: 'accepted' }));
}

async function ours(token: string): Promise<string> {
  const key = parsePemKey(PEM);
  if (key === null) throw new Error('the test key is no key');
  const verifier = new SessionTokenVerifier({
    keys: new PemTokenKeys(key),
    rules: {
      instance: 'default',
      issuer: CLAIMS.iss,
      authorizedParties: [],
      authorizedPartyPolicy: 'off',
      audiences: [],
      clockSkewSeconds: 5,
    },
    verifiedTokens: new VerifiedTokens({ ttlMs: 0 }),
    revocations: new Revocations(Date.now),
    nowMs: Date.now,
  });
  try {
    const auth = await verifier.verify(token);
    return auth.userId === 'user_1' ? 'accepted' : `accepted as ${auth.userId}`;
  } catch (error) {
    if (error instanceof ClerkError) return error.code;
    throw error;
  }
}

async function theirs(token: string): Promise<'accepted' | 'refused'> {
  try {
    await verifyToken(token, { jwtKey: PEM });
    return 'accepted';
  } catch {
    // Its errors are of several kinds, a TypeError for some shapes among them: all say no.
    return 'refused';
  }
}

describe('the corpus of tokens', () => {
  it('has two hundred tokens and more, each of them once', () => {
    expect(corpus.length).toBeGreaterThanOrEqual(200);
    expect(new Set(corpus.map(({ name }) => name)).size).toBe(corpus.length);
  });

  it.each(corpus.map((one) => [one.name, one] as const))('%s', async (_name, { token, verdict }) => {
    expect(await ours(token)).toBe(verdict);
  });

  it('gets the verdict of the official client, except where we are stricter on purpose', async () => {
    const differences: string[] = [];
    for (const { name, token, verdict, stricter } of corpus) {
      const isAccepted = verdict === 'accepted';
      const isAcceptedThere = (await theirs(token)) === 'accepted';
      if (isAccepted && !isAcceptedThere) differences.push(`${name}: accepted here only`);
      if (!isAccepted && isAcceptedThere && stricter === undefined)
        differences.push(`${name}: refused here only`);
    }
    expect(differences).toEqual([]);
  });
});
