import { randomBytes } from 'node:crypto';

import { Webhook } from 'svix';

import { decodeWebhookSecret, verifyWebhookSignature, type WebhookHeaders } from './webhook-signature.js';

// Published with the specification. https://github.com/standard-webhooks/standard-webhooks/tree/main/libraries
const VECTOR = {
  secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
  timestampMs: 1_614_265_330_000,
  body: '{"test": 2432232314}',
  signature: 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
};
const OTHER_SECRET = `whsec_${Buffer.from('another secret of 24 byte').toString('base64')}`;

function keyOf(secret: string): Buffer {
  const key = decodeWebhookSecret(secret);
  if (key === null) throw new Error('the test names a secret that is none');
  return key;
}

function vectorHeaders(changes: Record<string, string | string[] | undefined> = {}): WebhookHeaders {
  return {
    'svix-id': VECTOR.id,
    'svix-timestamp': String(VECTOR.timestampMs / 1_000),
    'svix-signature': VECTOR.signature,
    ...changes,
  };
}

function verify(options: {
  headers?: WebhookHeaders;
  body?: string | Uint8Array;
  secrets?: string[];
  nowMs?: number;
}) {
  const { headers = vectorHeaders(), body = VECTOR.body, secrets = [VECTOR.secret] } = options;
  const rawBody = typeof body === 'string' ? Buffer.from(body) : body;
  return verifyWebhookSignature(
    { rawBody, headers },
    secrets.map(keyOf),
    options.nowMs ?? VECTOR.timestampMs,
  );
}

describe('verifyWebhookSignature', () => {
  it('accepts the official vector and gives its id and time in milliseconds', () => {
    expect(verify({})).toEqual({ id: VECTOR.id, timestampMs: 1_614_265_330_000 });
  });

  it.each([-300_000, -299_000, 0, 299_000, 300_000])('accepts a clock that is %i ms away', (offsetMs) => {
    expect(verify({ nowMs: VECTOR.timestampMs + offsetMs }).id).toBe(VECTOR.id);
  });

  it.each([-301_000, -300_001, 300_001, 301_000])('refuses a clock that is %i ms away', (offsetMs) => {
    expect(() => verify({ nowMs: VECTOR.timestampMs + offsetMs })).toThrow(
      expect.objectContaining({ code: 'WEBHOOK_TIMESTAMP_OUT_OF_TOLERANCE' }),
    );
  });

  it('says nothing of the clock to who cannot sign', () => {
    const nowMs = VECTOR.timestampMs + 86_400_000;
    expect(() => verify({ nowMs, secrets: [OTHER_SECRET] })).toThrow(
      expect.objectContaining({ code: 'WEBHOOK_SIGNATURE_INVALID' }),
    );
  });

  it('accepts any of several secrets', () => {
    expect(verify({ secrets: [OTHER_SECRET, VECTOR.secret] }).id).toBe(VECTOR.id);
  });

  it('accepts the header names of the standard, in any case', () => {
    const headers = {
      'Webhook-Id': VECTOR.id,
      'WEBHOOK-TIMESTAMP': '1614265330',
      'webhook-signature': VECTOR.signature,
    };
    expect(verify({ headers }).id).toBe(VECTOR.id);
  });

  it('finds the right signature among eleven', () => {
    const wrong = Array.from({ length: 10 }, () => `v1,${randomBytes(32).toString('base64')}`);
    const headers = vectorHeaders({ 'svix-signature': [...wrong, VECTOR.signature].join(' ') });
    expect(verify({ headers }).id).toBe(VECTOR.id);
  });

  it('examines 16 signatures and no more', () => {
    const wrong = Array.from({ length: 16 }, () => `v1,${randomBytes(32).toString('base64')}`);
    const sixteenth = vectorHeaders({ 'svix-signature': [...wrong.slice(1), VECTOR.signature].join(' ') });
    const seventeenth = vectorHeaders({ 'svix-signature': [...wrong, VECTOR.signature].join(' ') });
    expect(verify({ headers: sixteenth }).id).toBe(VECTOR.id);
    expect(() => verify({ headers: seventeenth })).toThrow(
      expect.objectContaining({ code: 'WEBHOOK_SIGNATURE_INVALID' }),
    );
  });

  it.each([
    ['of another version', VECTOR.signature.replace('v1,', 'v1a,')],
    ['of version 2', VECTOR.signature.replace('v1,', 'v2,')],
    ['that is too short', 'v1,AAAA'],
    ['that is too long', `v1,${Buffer.alloc(33).toString('base64')}`],
    ['without a version', VECTOR.signature.slice(3)],
    ['that is empty', 'v1,'],
    ['of zeros', `v1,${Buffer.alloc(32).toString('base64')}`],
  ])('refuses a signature %s', (_what, signature) => {
    expect(() => verify({ headers: vectorHeaders({ 'svix-signature': signature }) })).toThrow(
      expect.objectContaining({ code: 'WEBHOOK_SIGNATURE_INVALID' }),
    );
  });

  it.each([
    ['body', { body: '{"test":2432232314}' }],
    ['id', { headers: vectorHeaders({ 'svix-id': 'msg_other' }) }],
    ['time', { headers: vectorHeaders({ 'svix-timestamp': '1614265331' }) }],
  ])('refuses another %s than was signed', (_what, options) => {
    expect(() => verify(options)).toThrow(expect.objectContaining({ code: 'WEBHOOK_SIGNATURE_INVALID' }));
  });

  it.each([
    ['no id', { 'svix-id': undefined }],
    ['an empty id', { 'svix-id': '' }],
    ['an id that is not ASCII', { 'svix-id': 'msg_\u00e9' }],
    ['an id that is too long', { 'svix-id': 'm'.repeat(257) }],
    ['a repeated id', { 'svix-id': [VECTOR.id, VECTOR.id] }],
    ['no time', { 'svix-timestamp': undefined }],
    ['a time that is no number', { 'svix-timestamp': '1614265330abc' }],
    ['no signature', { 'svix-signature': undefined }],
    ['names of two families', { 'svix-signature': undefined, 'webhook-signature': VECTOR.signature }],
  ])('refuses headers with %s', (_what, changes) => {
    expect(() => verify({ headers: vectorHeaders(changes) })).toThrow(
      expect.objectContaining({ code: 'WEBHOOK_HEADERS_INVALID' }),
    );
  });

  it('agrees with svix on ten thousand bodies, in both directions', () => {
    const nowMs = Math.floor(Date.now() / 1_000) * 1_000;
    for (const [index, body] of bodies(10_000).entries()) {
      const id = `msg_${index}`;
      const secret = `whsec_${randomBytes(24 + (index % 41)).toString('base64')}`;
      const signature = new Webhook(secret).sign(id, new Date(nowMs), body);
      const headers = {
        'svix-id': id,
        'svix-timestamp': String(nowMs / 1_000),
        'svix-signature': signature,
      };
      expect(verify({ headers, body, secrets: [secret], nowMs })).toEqual({ id, timestampMs: nowMs });
      const other = changed(body, index);
      expect(isAcceptedBySvix(secret, other, headers)).toBe(false);
      expect(() => verify({ headers, body: other, secrets: [secret], nowMs })).toThrow(
        expect.objectContaining({ code: 'WEBHOOK_SIGNATURE_INVALID' }),
      );
    }
  }, 120_000);
});

/** What JSON and text are made of, and what a body that is written again or decoded carelessly loses. */
const PIECES = [
  '{"a":',
  '1.0',
  '"',
  '\\u00e9',
  'é',
  'ß',
  '漢',
  '😀',
  '\r\n',
  '\n',
  '\ufeff',
  '\u0000',
  ' ',
  '}',
  '\u2028',
];

function bodies(count: number): string[] {
  const fixed = [
    '',
    '{}',
    '\ufeff{"a":1}',
    '{"a":\r\n1}',
    '{"name":"é😀\u0000"}',
    'x'.repeat(1_048_576),
    '漢'.repeat(349_525),
  ];
  const random = Array.from({ length: count - fixed.length }, (_, index) => {
    const picks = randomBytes(index % 200);
    return Array.from(picks, (pick) => PIECES[pick % PIECES.length]).join('');
  });
  return [...fixed, ...random];
}

/** The smallest changes, each in its turn. */
function changed(body: string, index: number): string {
  const ways = [`${body} `, `\ufeff${body}`, `${body}\r\n`, body === '' ? ' ' : body.slice(1)];
  return ways[index % ways.length] ?? '';
}

function isAcceptedBySvix(secret: string, body: string, headers: Record<string, string>): boolean {
  try {
    new Webhook(secret).verify(body, headers);
    return true;
  } catch {
    return false;
  }
}

describe('decodeWebhookSecret', () => {
  it.each(['', 'whsec_', 'whsec_not base64!', 'sk_test_x'])('finds no key in %j', (secret) => {
    expect(decodeWebhookSecret(secret)).toBeNull();
  });

  it('takes a secret with and without its prefix for the same key', () => {
    expect(decodeWebhookSecret(VECTOR.secret.slice('whsec_'.length))).toEqual(keyOf(VECTOR.secret));
  });
});
