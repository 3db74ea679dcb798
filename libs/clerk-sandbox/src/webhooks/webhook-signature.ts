import { createHmac, randomBytes } from 'node:crypto';

export function createWebhookSecret(): string {
  return `whsec_${randomBytes(24).toString('base64')}`;
}

export interface SignedMessage {
  readonly id: string;
  /** Unix time, seconds. */
  readonly timestampSeconds: number;
  readonly body: string | Uint8Array;
}

/** The headers that Svix sends. https://docs.svix.com/receiving/verifying-payloads/how-manual */
export function signatureHeaders(message: SignedMessage, secret: string): Record<string, string> {
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const signature = createHmac('sha256', key)
    .update(`${message.id}.${message.timestampSeconds}.`)
    .update(message.body)
    .digest('base64');
  return {
    'svix-id': message.id,
    'svix-timestamp': String(message.timestampSeconds),
    'svix-signature': `v1,${signature}`,
  };
}
