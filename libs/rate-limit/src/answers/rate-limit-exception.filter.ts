import { type ArgumentsHost, Catch, type ExceptionFilter } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';

import { RateLimitException } from './rate-limit-exception.js';

/** Answers refusals as `application/problem+json`, on Fastify and Express. The module registers it for the application. */
@Catch(RateLimitException)
export class RateLimitExceptionFilter implements ExceptionFilter<RateLimitException> {
  constructor(private readonly host: HttpAdapterHost) {}

  catch({ text, body }: RateLimitException, context: ArgumentsHost): void {
    const { httpAdapter } = this.host;
    const response: unknown = context.getArgByIndex(1);
    if (httpAdapter.isHeadersSent(response)) return;
    httpAdapter.setHeader(response, 'content-type', 'application/problem+json');
    httpAdapter.reply(response, text, body.status);
  }
}
