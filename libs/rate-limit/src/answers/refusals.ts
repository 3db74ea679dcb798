import { type ArgumentsHost, IntrinsicException } from '@nestjs/common';

import { RateLimitException } from './rate-limit-exception.js';
import type { RefusalBody } from './refusal.js';

type ExceptionClass = new (body: object) => Error;

interface ExceptionClasses {
  readonly ws: ExceptionClass | null;
  readonly rpc: ExceptionClass | null;
}

/** RESOURCE_EXHAUSTED and UNAVAILABLE. https://grpc.io/docs/guides/status-codes/ */
const GRPC_STATUS = { 429: 8, 503: 14 } as const;

/** A refusal as the kind of exception that each transport answers with. */
export class Refusals {
  /** By body: there are as many as there are sets of windows that can be violated. */
  readonly #overHttp = new Map<RefusalBody, RateLimitException>();

  private constructor(private readonly classes: ExceptionClasses) {}

  /** `@nestjs/websockets` and `@nestjs/microservices` are the host's: who has neither uses neither. */
  static async load(): Promise<Refusals> {
    const [websockets, microservices] = await Promise.allSettled([
      import('@nestjs/websockets'),
      import('@nestjs/microservices'),
    ]);
    return new Refusals({
      ws: websockets.status === 'fulfilled' ? websockets.value.WsException : null,
      rpc: microservices.status === 'fulfilled' ? microservices.value.RpcException : null,
    });
  }

  /** Over HTTP the seconds are in `Retry-After`; what has no headers has them in the body. */
  of(body: RefusalBody, retryAfterSeconds: number, host: ArgumentsHost): Error {
    const type = host.getType<string>();
    if (type === 'http') return this.#http(body);
    if (type === 'graphql') return new RateLimitGraphqlError(body, retryAfterSeconds);
    const ExceptionClass = type === 'ws' ? this.classes.ws : this.classes.rpc;
    if (ExceptionClass === null) return this.#http(body);
    return new ExceptionClass(isGrpc(host) ? grpcStatus(body) : { ...body, retryAfterSeconds });
  }

  #http(body: RefusalBody): RateLimitException {
    let exception = this.#overHttp.get(body);
    if (exception === undefined) this.#overHttp.set(body, (exception = new RateLimitException(body)));
    return exception;
  }
}

/** An `IntrinsicException`, which Nest does not log: a refusal is no event. */
class RateLimitGraphqlError extends IntrinsicException {
  override readonly name = 'RateLimitGraphqlError';
  readonly extensions: Readonly<Record<string, unknown>>;

  constructor(body: RefusalBody, retryAfterSeconds: number) {
    super(body.detail);
    this.extensions = { code: body.code, problem: body, retryAfterSeconds };
  }
}

/** gRPC gives its handlers the metadata of a call where others have a context. */
function isGrpc(host: ArgumentsHost): boolean {
  const context: unknown = host.getType() === 'rpc' ? host.getArgByIndex(1) : null;
  return typeof context === 'object' && context !== null && 'getMap' in context;
}

function grpcStatus({ status, code, detail }: RefusalBody): object {
  return { code: GRPC_STATUS[status], message: `${code}: ${detail}` };
}
