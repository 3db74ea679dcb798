import { verifyWebhook } from '@clerk/backend/webhooks';

import {
  decodeWebhookSecret,
  verifyWebhookSignature,
} from '../../libs/clerk/src/webhooks/webhook-signature.js';
import { parseWebhookDelivery } from '../../libs/clerk/src/webhooks/webhook-delivery.js';
import { signedEvents } from './signed-events.js';

/** Microseconds for each check, one entry for each round. */
export interface SignatureResult {
  readonly ours: number[];
  readonly verifyWebhook: number[];
}

const CHECKS = 2_000;
const ROUNDS = 9;

/** From bytes and headers to the parsed event, both ways in turn, in this process. */
export async function runSignatureContest(secret: string): Promise<SignatureResult> {
  const key = decodeWebhookSecret(secret);
  if (key === null) throw new Error('The secret is none.');
  const events = signedEvents(CHECKS, secret).map(({ body, headers }) => ({
    rawBody: Buffer.from(body),
    headers,
  }));
  const result: SignatureResult = { ours: [], verifyWebhook: [] };
  for (let round = -2; round < ROUNDS; round += 1) {
    const ours = timed(() => {
      for (const event of events)
        parseWebhookDelivery(event.rawBody, verifyWebhookSignature(event, [key], Date.now()));
    });
    const startedAt = performance.now();
    for (const { rawBody, headers } of events) {
      const request = new Request('http://127.0.0.1/', { method: 'POST', headers, body: rawBody });
      await verifyWebhook(request, { signingSecret: secret });
    }
    if (round < 0) continue;
    result.ours.push(ours);
    result.verifyWebhook.push(((performance.now() - startedAt) * 1_000) / CHECKS);
  }
  return result;
}

function timed(work: () => void): number {
  const startedAt = performance.now();
  work();
  return ((performance.now() - startedAt) * 1_000) / CHECKS;
}
