import type { ArgumentsHost } from '@nestjs/common';

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
