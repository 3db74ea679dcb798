import { type ArgumentsHost, IntrinsicException } from '@nestjs/common';

import { ClerkError } from '../clerk-error.js';
import { ClerkHttpException, problemOf } from './http-errors.js';

type ExceptionClass = new (body: object) => Error;

interface ExceptionClasses {
  readonly ws: ExceptionClass | null;
  readonly rpc: ExceptionClass | null;
}

/** https://grpc.io/docs/guides/status-codes/ */
const GRPC_STATUS: Readonly<Record<number, number>> = {
  400: 3,
  401: 16,
  403: 7,
  404: 5,
  413: 3,
  422: 3,
  503: 14,
};
/** https://www.apollographql.com/docs/apollo-server/data/errors */
const GRAPHQL_CODES: Readonly<Record<number, string>> = {
  401: 'UNAUTHENTICATED',
  403: 'FORBIDDEN',
  404: 'NOT_FOUND',
  503: 'SERVICE_UNAVAILABLE',
};

/** An error of this library as the kind of exception that each transport answers with. */
export class TransportExceptions {
  private constructor(private readonly classes: ExceptionClasses) {}

  /** `@nestjs/websockets` and `@nestjs/microservices` are the host's: who has neither uses neither. */
  static async load(): Promise<TransportExceptions> {
    const [websockets, microservices] = await Promise.allSettled([
      import('@nestjs/websockets'),
      import('@nestjs/microservices'),
    ]);
    return new TransportExceptions({
      ws: websockets.status === 'fulfilled' ? websockets.value.WsException : null,
      rpc: microservices.status === 'fulfilled' ? microservices.value.RpcException : null,
    });
  }

  /** The error as it is if it is none of this library's. */
  of(error: unknown, host: ArgumentsHost): unknown {
    if (!(error instanceof ClerkError)) return error;
    const type = host.getType<string>();
    if (type === 'http') return new ClerkHttpException(error);
    if (type === 'graphql') return new ClerkGraphqlError(error);
    const ExceptionClass = type === 'ws' ? this.classes.ws : this.classes.rpc;
    return ExceptionClass === null ? error : new ExceptionClass(messageOf(error, host));
  }
}

/**
 * What GraphQL clients look for: `extensions.code` with Apollo's names, and in `extensions.problem` what HTTP would have
 * answered. An `IntrinsicException`, which Nest does not log: a request without a token is no event.
 */
class ClerkGraphqlError extends IntrinsicException {
  override readonly name = 'ClerkGraphqlError';
  readonly extensions: Readonly<Record<string, unknown>>;

  constructor(error: ClerkError) {
    const { status, headers, body } = problemOf(error);
    super(body.detail);
    const retryAfter = headers['retry-after'];
    this.extensions = {
      code: GRAPHQL_CODES[status] ?? 'BAD_REQUEST',
      problem: body,
      ...(retryAfter === undefined ? {} : { retryAfterSeconds: Number(retryAfter) }),
    };
  }
}

/** The problem as HTTP would answer it; gRPC has numbers of its own, and a text. */
export function messageOf(error: ClerkError, host: ArgumentsHost): object {
  const { status, body } = problemOf(error);
  const context: unknown = host.getType() === 'rpc' ? host.switchToRpc().getContext() : null;
  const isGrpc = typeof context === 'object' && context !== null && 'getMap' in context;
  if (!isGrpc) return body;
  return { code: GRPC_STATUS[status] ?? 2, message: `${body.code}: ${body.detail}` };
}
