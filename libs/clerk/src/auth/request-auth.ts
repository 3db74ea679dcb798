import type { ExecutionContext } from '@nestjs/common';

import type { Auth } from './auth.js';

/** A symbol of this module: nothing that a client sends, and no other library, can put something there. */
const AUTH = Symbol('nest-clerk.auth');

interface GuardedRequest {
  [AUTH]?: Auth | null;
}

export function setRequestAuth(context: ExecutionContext, auth: Auth | null): void {
  context.switchToHttp().getRequest<GuardedRequest>()[AUTH] = auth;
}

/** What the guard proved; null for an anonymous request that it let through; undefined where it did not look. */
export function getRequestAuth(context: ExecutionContext): Auth | null | undefined {
  return context.switchToHttp().getRequest<GuardedRequest>()[AUTH];
}
