import { HttpException } from '@nestjs/common';

import type { RefusalBody } from './refusal.js';

/**
 * A refusal over HTTP: 429 `RATE_LIMITED` or 503 `RATE_LIMIT_UNAVAILABLE`. One object for all refusals of a kind, made once; what
 * differs between them is in the headers, which the guard has set by then.
 */
export class RateLimitException extends HttpException {
  /** The body, written once. */
  readonly text: string;

  constructor(readonly body: RefusalBody) {
    super(body, body.status);
    this.text = JSON.stringify(body);
  }
}
