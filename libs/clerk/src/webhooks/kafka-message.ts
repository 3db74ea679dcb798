import { parseStorableJson, textOrNull, timeMsOrNull } from '../users/storable-json.js';
import type { KafkaMessage } from './kafka-connection.js';
import type { WebhookDelivery } from './webhook-delivery.js';
import { isRecord } from '../unknown-record.js';

/** Names the registration that received the delivery: several may share a topic. */
export const REGISTRATION_HEADER = 'clerk-registration';
const TYPE_HEADER = 'clerk-event-type';

export type UnreadableReason = 'NOT_JSON' | 'NOT_A_DELIVERY';

export type KafkaReading =
  | { readonly outcome: 'delivery'; readonly delivery: WebhookDelivery }
  | { readonly outcome: 'unreadable'; readonly reason: UnreadableReason };

/** What is known of a message that was read from a topic. */
export interface KafkaPosition {
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
}

/** An entry of a PostgreSQL index holds a third of a page, 2,704 bytes. https://www.postgresql.org/docs/current/btree.html (read 2026-11-21) */
const TEXT_BYTES_MAX = 1_000;

const FIELDS: { readonly [Name in keyof WebhookDelivery]: (value: unknown) => boolean } = {
  id: (value) => typeof value === 'string' && /^[\x21-\x7e]{1,256}$/.test(value),
  type: isText,
  entityId: isTextOrNull,
  userId: isTextOrNull,
  timestampMs: (value) => timeMsOrNull(value) !== null,
  instanceId: isTextOrNull,
  payload: (value) => value === null || isRecord(value),
};

/** The delivery as it is stored. Of one entity all are in one partition, and so in the order in which they were received. */
export function toKafkaMessage(delivery: WebhookDelivery, registration: string): KafkaMessage {
  return {
    key: delivery.entityId ?? delivery.id,
    value: JSON.stringify(delivery),
    headers: { [REGISTRATION_HEADER]: registration, [TYPE_HEADER]: delivery.type },
  };
}

/** Whether a message is for others only. One without the header, written by hand, is for all. */
export function isOfOther({ headers }: Pick<KafkaMessage, 'headers'>, registration: string): boolean {
  const named = headers?.[REGISTRATION_HEADER];
  return named !== undefined && String(named) !== registration;
}

/** Reads what anybody may have written. Never throws. */
export function readKafkaMessage(value: Uint8Array | string | null): KafkaReading {
  const parsed = parse(value);
  if (parsed === undefined) return { outcome: 'unreadable', reason: 'NOT_JSON' };
  if (!isDelivery(parsed)) return { outcome: 'unreadable', reason: 'NOT_A_DELIVERY' };
  const { id, type, entityId, userId, timestampMs, instanceId, payload } = parsed;
  return { outcome: 'delivery', delivery: { id, type, entityId, userId, timestampMs, instanceId, payload } };
}

/** The message as it was, with the reason and the place that it came from. */
export function toDeadMessage(message: KafkaMessage, reason: string, position: KafkaPosition): KafkaMessage {
  return {
    key: message.key ?? null,
    value: message.value,
    headers: {
      ...message.headers,
      'dead-reason': reason,
      'dead-topic': position.topic,
      'dead-partition': String(position.partition),
      'dead-offset': position.offset,
    },
  };
}

function parse(value: Uint8Array | string | null): unknown {
  if (value === null) return undefined;
  try {
    return parseStorableJson(typeof value === 'string' ? value : new TextDecoder().decode(value));
  } catch {
    // Told apart from every value that JSON has.
    return undefined;
  }
}

function isDelivery(value: unknown): value is WebhookDelivery {
  return isRecord(value) && Object.entries(FIELDS).every(([name, isRight]) => isRight(value[name]));
}

function isText(value: unknown): boolean {
  return textOrNull(value) !== null && Buffer.byteLength(String(value)) <= TEXT_BYTES_MAX;
}

function isTextOrNull(value: unknown): boolean {
  return value === null || isText(value);
}
