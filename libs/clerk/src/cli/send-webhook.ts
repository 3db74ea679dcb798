import { createHmac, randomUUID } from 'node:crypto';

import { ClerkError } from '../clerk-error.js';
import { OptionReader } from '../option-reader.js';
import type { CommandContext } from './command-context.js';
import { UsageError } from './command-words.js';
import { webhookBody } from './webhook-body.js';

const ANSWER_MS_MAX = 15_000;

/** Sends what Clerk would send: signed as Svix signs, with the secret that the endpoint has. */
export async function sendWebhook(context: CommandContext): Promise<boolean> {
  const { values, env } = context;
  const url = values.url ?? `http://127.0.0.1:${env('PORT') || '3000'}/webhooks/clerk`;
  if (!URL.canParse(url)) throw new UsageError('--url must be a URL.');
  const id = values['delivery-id'] ?? `msg_${randomUUID().replaceAll('-', '')}`;
  const body = await webhookBody(context);
  const status = await post(url, { body, headers: sign({ id, body }, signingKey(context)) });
  context.print({ id, status }, [`${id}: ${status ?? 'no answer'}`]);
  return status !== null && status >= 200 && status < 300;
}

/** The first of the endpoint's secrets. Never a word of the command line: others on the machine can read those. */
function signingKey({ values, env }: CommandContext): Buffer {
  const reader = new OptionReader({ instance: values.name, options: {}, env, hasWebhookEndpoint: true });
  const [key] = reader.webhookKeys();
  reader.throwProblems();
  if (key === undefined) throw new ClerkError('OPTIONS_INVALID', 'CLERK_WEBHOOK_SECRET is missing.');
  return key;
}

function sign({ id, body }: { id: string; body: string }, key: Buffer): Record<string, string> {
  const timestamp = String(Math.floor(Date.now() / 1_000));
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
  return {
    'content-type': 'application/json',
    'svix-id': id,
    'svix-timestamp': timestamp,
    'svix-signature': `v1,${signature}`,
  };
}

/** Null: no answer. */
async function post(
  url: string,
  request: { body: string; headers: Record<string, string> },
): Promise<number | null> {
  try {
    const signal = AbortSignal.timeout(ANSWER_MS_MAX);
    const response = await fetch(url, { method: 'POST', redirect: 'manual', signal, ...request });
    await response.body?.cancel();
    return response.status;
  } catch {
    // Nobody listens there, or not in time: told as "no answer".
    return null;
  }
}
