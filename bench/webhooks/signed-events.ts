import { randomUUID } from 'node:crypto';

import { signatureHeaders } from '../../libs/clerk-sandbox/src/index.js';

export const INSTANCE_ID = 'ins_bench';

export interface SignedEvent {
  /** Of the user. */
  readonly id: string;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** `user.created` of different users, of the size that Clerk's have at the least: 900 bytes. */
export function signedEvents(count: number, secret: string): SignedEvent[] {
  const timestampSeconds = Math.floor(Date.now() / 1_000);
  return Array.from({ length: count }, () => {
    const id = randomUUID().replaceAll('-', '');
    const body = userCreated(`user_${id}`);
    return {
      id: `user_${id}`,
      body,
      headers: signatureHeaders({ id: `msg_${id}`, timestampSeconds, body }, secret),
    };
  });
}

function userCreated(id: string): string {
  const now = Date.now();
  return JSON.stringify({
    object: 'event',
    type: 'user.created',
    timestamp: now,
    instance_id: INSTANCE_ID,
    event_attributes: {
      http_request: { client_ip: '203.0.113.7', user_agent: 'Mozilla/5.0 (X11; Linux x86_64)' },
    },
    data: {
      id,
      object: 'user',
      username: null,
      first_name: 'Ines',
      last_name: 'Example',
      image_url: `https://img.example.com/${id}`,
      email_addresses: [
        { id: 'idn_1', object: 'email_address', email_address: `${id}@example.com`, linked_to: [] },
      ],
      phone_numbers: [],
      external_accounts: [],
      primary_email_address_id: 'idn_1',
      public_metadata: { tier: 'free', note: 'x'.repeat(150) },
      private_metadata: {},
      unsafe_metadata: {},
      banned: false,
      locked: false,
      two_factor_enabled: false,
      last_sign_in_at: now,
      created_at: now,
      updated_at: now,
    },
  });
}
