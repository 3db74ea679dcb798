import { type ArgumentsHost, Catch, type ExceptionFilter, Logger } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';

import { ClerkError } from '../clerk-error.js';
import { ClerkHttpException, problemOf } from './http-errors.js';

/** Answers errors of this library as `application/problem+json`, on Fastify and Express. The module registers it. */
@Catch(ClerkError, ClerkHttpException)
export class ClerkExceptionFilter implements ExceptionFilter<ClerkError | ClerkHttpException> {
  readonly #logger = new Logger('Clerk');

  constructor(private readonly host: HttpAdapterHost) {}

  catch(exception: ClerkError | ClerkHttpException, context: ArgumentsHost): void {
    if (context.getType() !== 'http') throw exception;
    this.answer(exception instanceof ClerkError ? exception : exception.error, context);
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

/** The cause's name or code; its text may quote data. */
function causeOf({ cause }: ClerkError): string {
  if (!(cause instanceof Error)) return '';
  return ` (${'code' in cause && typeof cause.code === 'string' ? cause.code : cause.name})`;
}
