import { parseWebhookDelivery } from './webhook-delivery.js';

const VERIFIED = { id: 'msg_1', timestampMs: 1_795_000_000_000 };

function parse(body: unknown) {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return parseWebhookDelivery(Buffer.from(text), VERIFIED);
}

function envelope(type: string, data: object = { id: 'user_1' }) {
  return { object: 'event', type, data, timestamp: 1_794_999_999_123, instance_id: 'ins_1' };
}

describe('parseWebhookDelivery', () => {
  it('reads id, type, subject, time and instance of an event', () => {
    const body = envelope('user.updated');
    expect(parse(body)).toEqual({
      id: 'msg_1',
      type: 'user.updated',
      entityId: 'user_1',
      userId: 'user_1',
      timestampMs: 1_794_999_999_123,
      instanceId: 'ins_1',
      payload: body,
    });
  });

  it('keeps an event of a type that it does not know', () => {
    const body = envelope('starship.launched', { id: 'ship_1' });
    expect(parse(body)).toMatchObject({
      type: 'starship.launched',
      entityId: 'ship_1',
      userId: null,
      payload: body,
    });
  });

  it.each([
    ['a session', envelope('session.ended', { id: 'sess_1', user_id: 'user_7' })],
    [
      'a membership',
      envelope('organizationMembership.created', { id: 'orgmem_1', public_user_data: { user_id: 'user_7' } }),
    ],
    ['a subscription', envelope('subscription.created', { id: 'csub_1', payer: { user_id: 'user_7' } })],
  ])('knows whose personal data %s carries', (_what, body) => {
    expect(parse(body).userId).toBe('user_7');
  });

  it('keeps nothing of a person who pays for an organisation and is not named by an id', () => {
    const payer = {
      organization_id: 'org_1',
      email: 'ada@example.com',
      first_name: 'Ada',
      last_name: 'Byron',
    };
    const { payload, userId } = parse(envelope('subscription.created', { id: 'csub_1', payer }));
    expect(userId).toBeNull();
    expect(payload?.['data']).toEqual({ id: 'csub_1', payer: { organization_id: 'org_1' } });
  });

  it.each(['email.created', 'sms.created'])('never keeps the payload of %s', (type) => {
    const delivery = parse(envelope(type, { id: 'ema_1', body: 'Your code is 424242' }));
    expect(delivery).toMatchObject({ type, entityId: 'ema_1', payload: null });
    expect(JSON.stringify(delivery)).not.toContain('424242');
  });

  it.each(['', 'not json', '[1]', '"text"', 'null', '{"test": 2432232314}', '{"type": 5}', '\u0000'])(
    'takes the signed body %j for an unknown event without payload, at the time of the header',
    (body) => {
      expect(parse(body)).toEqual({
        id: 'msg_1',
        type: 'unknown',
        entityId: null,
        userId: null,
        timestampMs: 1_795_000_000_000,
        instanceId: null,
        payload: null,
      });
    },
  );

  it.each([-1, 1.5, 1e300, '1795000000000', null])(
    'takes the time of the header over the time %j',
    (timestamp) => {
      expect(parse({ ...envelope('user.updated'), timestamp }).timestampMs).toBe(1_795_000_000_000);
    },
  );

  it('reads a body that starts with a byte order mark', () => {
    expect(parse(`\ufeff${JSON.stringify(envelope('user.updated'))}`).type).toBe('user.updated');
  });

  it.each(['public_metadata', 'unsafe_metadata'])(
    'keeps a hundred levels of %s that has five thousand, and everything beside it',
    (place) => {
      const deep = `${'[{"a":'.repeat(2_500)}1${'}]'.repeat(2_500)}`;
      const body = `{"type":"user.updated","data":{"id":"user_1","${place}":${deep},"z":[2]}}`;
      const data = parse(body).payload?.['data'];
      expect(data).toMatchObject({ id: 'user_1', z: [2] });
      // The envelope and `data` are two of the hundred.
      const kept = `${'[{"a":'.repeat(49)}null${'}]'.repeat(49)}`;
      expect(JSON.stringify(Reflect.get(data ?? {}, place))).toBe(kept);
    },
  );

  it('replaces what PostgreSQL cannot hold, in keys and values, and nothing else', () => {
    const body =
      '{"type":"user.updated","data":{"id":"user_1","a":"x\\u0000y","b":"\\ud83d","c":"\\ud83d\\ude00","d":"\\\\u0000","e\\u0000":"\\\\\\u0000"}}';
    expect(parse(body).payload?.['data']).toEqual({
      id: 'user_1',
      a: 'x\ufffdy',
      b: '\ufffd',
      c: '\u{1f600}',
      d: '\\u0000',
      'e\ufffd': '\\\ufffd',
    });
  });
});
