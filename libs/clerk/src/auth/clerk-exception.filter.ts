import { type ArgumentsHost, Catch, type ExceptionFilter, Logger } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { type Observable, throwError } from 'rxjs';

import { ClerkError } from '../clerk-error.js';
import { ClerkHttpException, problemOf } from './http-errors.js';
import { messageOf, TransportExceptions } from './transport-exceptions.js';

/**
 * Answers errors of this library as `application/problem+json`, on Fastify and Express; in GraphQL and to microservices as
 * their clients expect it. The module registers it for the application. Nest applies no such filter to gateways: put it on them
 * with `@UseFilters(ClerkExceptionFilter)` if their handlers throw these errors themselves.
 */
@Catch(ClerkError, ClerkHttpException)
export class ClerkExceptionFilter implements ExceptionFilter<ClerkError | ClerkHttpException> {
  readonly #logger = new Logger('Clerk');

  constructor(
    private readonly host: HttpAdapterHost,
    private readonly exceptions: TransportExceptions,
  ) {}

  catch(exception: ClerkError | ClerkHttpException, context: ArgumentsHost): Observable<never> | undefined {
    const error = exception instanceof ClerkError ? exception : exception.error;
    const type = context.getType<string>();
    if (type === 'rpc') return throwError(() => messageOf(error, context));
    if (type === 'http') this.answer(error, context);
    else if (type === 'ws') tellSocket(context, messageOf(error, context));
    else throw this.exceptions.of(error, context);
    return undefined;
  }

  /** For a filter of the host's own that answers everything. */
  answer(error: ClerkError, context: ArgumentsHost): void {
    const { status, headers, body } = problemOf(error);
    if (status === 503) this.#logger.error(`${error.code}: ${error.message}${causeOf(error)}`);
    const { httpAdapter } = this.host;
    const response: unknown = context.switchToHttp().getResponse();
    if (httpAdapter.isHeadersSent(response)) return;
    for (const [name, value] of Object.entries(headers)) httpAdapter.setHeader(response, name, value);
    httpAdapter.reply(response, JSON.stringify(body), status);
  }
}

/** As Nest's own filter for gateways does: an event `exception`. */
function tellSocket(context: ArgumentsHost, body: object): void {
  const socket = context
    .switchToWs()
    .getClient<{ readyState?: number; send(text: string): void; emit(event: string, body: object): void }>();
  if (typeof socket.readyState === 'number') socket.send(JSON.stringify({ event: 'exception', data: body }));
  else socket.emit('exception', body);
}

/** The cause's name or code; its text may quote data. */
function causeOf({ cause }: ClerkError): string {
  if (!(cause instanceof Error)) return '';
  return ` (${'code' in cause && typeof cause.code === 'string' ? cause.code : cause.name})`;
}
