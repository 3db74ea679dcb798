import { Logger } from '@nestjs/common';

import { MemoryMirror } from '../mirror/memory-mirror.js';
import { InstancePin } from './instance-pin.js';
import { MemoryWebhookInbox } from './memory-webhook-inbox.js';
import { WebhookApplier } from './webhook-applier.service.js';

const down = () => Promise.reject(new Error('down'));

beforeAll(() => Logger.overrideLogger(false));

describe('an event', () => {
  it.each<[string, string | null, (() => Promise<string>) | null, string | null, boolean]>([
    ['of the instance that is configured', 'ins_1', down, 'ins_1', false],
    ['of another than is configured', 'ins_1', down, 'ins_2', true],
    ['of the instance of the secret key', null, () => Promise.resolve('ins_1'), 'ins_1', false],
    ['of another than that of the secret key', null, () => Promise.resolve('ins_1'), 'ins_2', true],
    ['of any instance without a secret key', null, null, 'ins_2', false],
    ['that names no instance', 'ins_1', down, null, false],
  ])('%s is foreign or is not', async (_what, instanceId, fetchInstanceId, named, isForeign) => {
    const pin = new InstancePin({ instanceId, fetchInstanceId, nowMs: () => 0 });
    expect(await pin.isForeign(named)).toBe(isForeign);
  });

  it('is neither ours nor foreign while Clerk does not say which instance is ours', async () => {
    const clerk = { nowMs: 0, answer: down as () => Promise<string> };
    const pin = new InstancePin({
      instanceId: null,
      fetchInstanceId: () => clerk.answer(),
      nowMs: () => clerk.nowMs,
    });
    await expect(pin.isForeign('ins_2')).rejects.toMatchObject({ code: 'CLERK_UNAVAILABLE' });
    clerk.answer = () => Promise.resolve('ins_1');
    clerk.nowMs = 5_000;
    expect(await pin.isForeign('ins_2')).toBe(true);
    expect(await pin.isForeign('ins_1')).toBe(false);
  });

  it('waits in the inbox while it is neither', async () => {
    const inbox = new MemoryWebhookInbox(new MemoryMirror(), { nowMs: () => 0 });
    const pin = new InstancePin({ instanceId: null, fetchInstanceId: down, nowMs: () => 0 });
    const heard: string[] = [];
    const applier = new WebhookApplier({
      inbox,
      isForeign: (instanceId) => pin.isForeign(instanceId),
      onEvent: async ({ type }) => void heard.push(type),
      onAccessEnded: () => Promise.resolve(),
    });
    const role = { type: 'role.created', entityId: 'role_1', userId: null, timestampMs: 1 };
    const payload = { type: role.type, data: {} };
    await inbox.store({ ...role, id: 'msg_1', instanceId: 'ins_2', payload });
    await inbox.store({ ...role, id: 'msg_2', instanceId: null, payload });
    applier.onApplicationBootstrap();
    await applier.idle();
    await applier.onModuleDestroy();
    expect(heard).toEqual(['role.created']);
    expect(await inbox.backlog()).toMatchObject({ pending: 1, dead: 0 });
  });

  it('does not wait for a Clerk that does not answer', async () => {
    import.meta.jest.useFakeTimers();
    const pin = new InstancePin({
      instanceId: null,
      fetchInstanceId: () => new Promise(() => undefined),
      nowMs: () => 0,
    });
    const given = Promise.allSettled([pin.isForeign('ins_1')]);
    await import.meta.jest.advanceTimersByTimeAsync(1_000);
    expect(await given).toMatchObject([{ reason: { code: 'CLERK_UNAVAILABLE' } }]);
    import.meta.jest.useRealTimers();
  });
});
