import type { ArgumentsHost, ExecutionContext } from '@nestjs/common';

import type { Auth } from '../auth.js';
import { getRequestAuth, setRequestAuth } from '../request-auth.js';
import { transportOf } from './transports.js';

/** What Nest hands to guards, for calls whose servers do not run here. */
function host(type: string, args: readonly unknown[]): ArgumentsHost {
  const at = (index: number) => args[index];
  const context = {
    getType: () => type,
    getArgs: () => args,
    getArgByIndex: at,
    switchToRpc: () => ({ getData: () => at(0), getContext: () => at(1) }),
  };
  return context as unknown as ArgumentsHost;
}

function person(userId: string): Auth {
  return {
    tokenType: 'session_token',
    instance: 'default',
    userId,
    sessionId: `sess_${userId}`,
    organization: null,
    actorId: null,
    expiresAtMs: 0,
    claims: {},
  };
}

describe('what the guard proved of the fields of one GraphQL operation', () => {
  const [one, other] = [person('user_1'), person('user_2')];

  function fields(count: number) {
    const context = {};
    return Array.from({ length: count }, () => host('graphql', [{}, {}, context, {}]) as ExecutionContext);
  }

  it('is each field its own, and nobody is taken for another where they differ', () => {
    const [first, second, unguarded] = fields(3) as [ExecutionContext, ExecutionContext, ExecutionContext];
    setRequestAuth(first, one);
    expect(getRequestAuth(unguarded)).toBe(one);
    setRequestAuth(second, other);
    expect([first, second, unguarded].map(getRequestAuth)).toEqual([one, other, undefined]);
    setRequestAuth(first, other);
    expect(getRequestAuth(unguarded)).toBeUndefined();
  });

  it('is for the fields below them too, where they agree', () => {
    const [first, second, unguarded] = fields(3) as [ExecutionContext, ExecutionContext, ExecutionContext];
    setRequestAuth(first, one);
    setRequestAuth(second, one);
    expect(getRequestAuth(unguarded)).toBe(one);
  });
});

describe('the credentials of a call', () => {
  const authorization = 'Bearer x';

  it.each<[string, unknown]>([
    ['Apollo', { req: { headers: { authorization } } }],
    ['Mercurius', { reply: { request: { headers: { authorization } } } }],
    ['a context with the request in it', { request: { headers: { authorization } } }],
    [
      'graphql-ws',
      { extra: { request: { headers: {} } }, subscriptions: {}, connectionParams: { authorization } },
    ],
    [
      'graphql-ws, in capitals',
      { extra: {}, subscriptions: {}, connectionParams: { Authorization: authorization } },
    ],
    [
      'the upgrade of graphql-ws',
      { req: { extra: { request: { headers: { authorization } } }, subscriptions: {} } },
    ],
  ])('are found in a GraphQL context of %s', (_name, context) => {
    const call = host('graphql', [{}, {}, context, {}]);
    expect(transportOf(call).headers(call)).toMatchObject({ authorization });
  });

  it('are found for a federated reference, which has no arguments', () => {
    const call = host('graphql', [{ id: 1 }, { req: { headers: { authorization } } }, {}]);
    expect(transportOf(call).headers(call)).toEqual({ authorization });
    expect(transportOf(call).parameters(call)).toEqual({});
  });

  it('are none in a GraphQL context without a request, and without a context the call fails', () => {
    const empty = host('graphql', [{}, {}, {}, {}]);
    expect(transportOf(empty).headers(empty)).toEqual({});
    const none = host('graphql', [{}, {}, undefined, {}]);
    expect(() => transportOf(none).headers(none)).toThrow('must be an object');
  });

  it.each<[string, unknown]>([
    ['gRPC', { getMap: () => ({ authorization }) }],
    ['NATS', { getHeaders: () => new Map([['authorization', authorization]]) }],
    ['Kafka', { getMessage: () => ({ headers: { authorization: Buffer.from(authorization) } }) }],
    ['RabbitMQ', { getMessage: () => ({ properties: { headers: { authorization } } }) }],
  ])('are found in a message of %s, before those in its payload', (_name, context) => {
    const call = host('rpc', [{ authorization: 'Bearer other' }, context]);
    expect(transportOf(call).headers(call)).toEqual({ authorization });
  });

  it.each<[unknown, unknown]>([
    [null, {}],
    ['text', { getMessage: () => null }],
    [{ authorization: ['Bearer x'] }, { getHeaders: () => undefined }],
    [{}, { getMap: () => ({ authorization: '' }) }],
  ])('are none in a message that brings none: %j', (payload, context) => {
    const call = host('rpc', [payload, context]);
    expect(transportOf(call).headers(call)).toEqual({});
  });
});
