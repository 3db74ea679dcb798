import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException, Logger } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { ClerkError, ClerkExceptionFilter, ClerkHttpException } from 'nest-clerk';

import { isDatabaseOutage } from '../database/database-outage.js';
import { problemOf, type Problem } from './problem.js';

/** Answers every error as `application/problem+json` with a code (RFC 9457). What is our own fault is logged, without data. */
@Catch()
export class ProblemDetailsFilter implements ExceptionFilter {
  readonly #logger = new Logger('Http');

  constructor(
    private readonly host: HttpAdapterHost,
    private readonly clerk: ClerkExceptionFilter,
  ) {}

  catch(exception: unknown, context: ArgumentsHost): void {
    if (exception instanceof ClerkError) {
      this.clerk.answer(exception, context);
    } else if (exception instanceof ClerkHttpException) {
      this.clerk.answer(exception.error, context);
    } else if (isDatabaseOutage(exception)) {
      const unavailable = new ClerkError('DATABASE_UNAVAILABLE', 'The database cannot answer.', {
        cause: exception,
      });
      this.clerk.answer(unavailable, context);
    } else {
      this.#answer(problemOf(exception), exception, context);
    }
  }

  #answer(problem: Problem, exception: unknown, context: ArgumentsHost): void {
    if (problem.status >= 500) this.#logger.error(describe(exception));
    const { httpAdapter } = this.host;
    const response: unknown = context.switchToHttp().getResponse();
    if (httpAdapter.isHeadersSent(response)) return;
    httpAdapter.setHeader(response, 'content-type', 'application/problem+json');
    if (problem.status === 503) httpAdapter.setHeader(response, 'retry-after', '5');
    httpAdapter.reply(response, JSON.stringify(problem), problem.status);
  }
}

/** Where it happened, without the message: that may quote what somebody sent. */
function describe(exception: unknown): string {
  const error =
    exception instanceof HttpException && exception.cause !== undefined ? exception.cause : exception;
  if (!(error instanceof Error)) return 'Something that is no error was thrown.';
  const frames = error.stack?.split('\n').filter((line) => line.startsWith('    at ')) ?? [];
  return [error.name, ...frames].join('\n');
}
