import type { ClerkEventOf, MirroredUser } from 'nest-clerk';

import { FailingWebhook } from './failing-webhook.js';

describe('a handler that fails on demand', () => {
  // It looks at nothing of the user.
  const event: ClerkEventOf<'user.updated'> = { type: 'user.updated', user: {} as MirroredUser };
  const handle = (handler: FailingWebhook, idempotencyKey: string) =>
    handler.handle(event, {
      idempotencyKey,
      transaction: null,
      attempt: 1,
      signal: new AbortController().signal,
    });

  it('fails at the webhooks that were broken, each until it is mended itself', async () => {
    const handler = new FailingWebhook();
    handler.break('msg_1');
    handler.break('msg_2');
    handler.mend('msg_1');
    handler.mend('msg_3');
    await expect(handle(handler, 'msg_1')).resolves.toBeUndefined();
    await expect(handle(handler, 'msg_2')).rejects.toMatchObject({ name: 'PlaygroundFailure' });
    await expect(handle(handler, 'msg_3')).resolves.toBeUndefined();
  });
});
