import { REPAIR_ID_START } from '../mirror/repair-id.js';
import { parseStorableJson, textOrNull, timeMsOrNull } from '../users/storable-json.js';
import type { VerifiedHeaders } from './webhook-signature.js';
import { isRecord } from '../unknown-record.js';

/** A verified webhook, as received. */
export interface WebhookDelivery {
  /** `svix-id`: the same on every attempt, endpoint and replay. The idempotency key. */
  readonly id: string;
  /** Clerk's event type, or `unknown` for a signed body that is not a Clerk event. */
  readonly type: string;
  /** Id of the object the event is about (`data.id`), where it has one. */
  readonly entityId: string | null;
  /** Whose personal data the payload may hold: it is wiped when this user is deleted. */
  readonly userId: string | null;
  /** The envelope's `timestamp` (else the `svix-timestamp` header). Unix time, milliseconds. */
  readonly timestampMs: number;
  readonly instanceId: string | null;
  /** The whole envelope, parsed. Null where it must not be stored (`email.*`, `sms.*`), is no Clerk event, or was wiped. */
  readonly payload: Readonly<Record<string, unknown>> | null;
}

export function isRepair({ id }: WebhookDelivery): boolean {
  return id.startsWith(REPAIR_ID_START);
}

/** Whether it holds data of a user and is not about the user himself, of whom the version of his row decides what is applied. */
export function isBesideUser({ type, userId, payload }: WebhookDelivery): boolean {
  return userId !== null && payload !== null && !type.startsWith('user.');
}

/** These bodies carry one-time codes and the text of messages. */
const NEVER_STORED = /^(?:email|sms)\./;

/** Reads a body whose signature was verified. Never throws: what is signed is acknowledged, whatever it holds. */
export function parseWebhookDelivery(rawBody: Uint8Array, verified: VerifiedHeaders): WebhookDelivery {
  const envelope = parseEnvelope(rawBody);
  const type = textOrNull(envelope['type']);
  const { id, timestampMs } = verified;
  if (type === null) {
    return {
      id,
      type: 'unknown',
      entityId: null,
      userId: null,
      timestampMs,
      instanceId: null,
      payload: null,
    };
  }
  const data = isRecord(envelope['data']) ? envelope['data'] : {};
  return {
    id,
    type,
    entityId: textOrNull(data['id']),
    userId: userIdOf(type, data),
    timestampMs: timeMsOrNull(envelope['timestamp']) ?? timestampMs,
    instanceId: textOrNull(envelope['instance_id']),
    payload: NEVER_STORED.test(type) ? null : withoutNamelessPayer(envelope),
  };
}

function parseEnvelope(rawBody: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    const value = parseStorableJson(new TextDecoder().decode(rawBody));
    return isRecord(value) ? value : {};
  } catch {
    // Not JSON, yet signed: refusing it would only have it sent again for a day.
    return {};
  }
}

function userIdOf(type: string, data: Readonly<Record<string, unknown>>): string | null {
  if (type.startsWith('user.')) return textOrNull(data['id']);
  const places = [data, data['public_user_data'], data['payer']];
  const ids = places.map((place) => (isRecord(place) ? textOrNull(place['user_id']) : null));
  return ids.find((id) => id !== null) ?? null;
}

/** An organisation's payer carries the e-mail of a person without the id: it could not be found when that person is deleted. */
function withoutNamelessPayer(
  envelope: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const data = isRecord(envelope['data']) ? envelope['data'] : {};
  const payer = data['payer'];
  if (!isRecord(payer) || textOrNull(payer['user_id']) !== null) return envelope;
  const { email: _email, first_name: _firstName, last_name: _lastName, ...kept } = payer;
  return { ...envelope, data: { ...data, payer: kept } };
}
