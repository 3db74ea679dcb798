import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';

import { ClerkError } from '../clerk-error.js';
import { type AuthenticatedCall, CurrentUserPipe } from '../users/current-user.pipe.js';
import type { Auth, TokenType } from './auth.js';
import { ClerkHttpException } from './http-errors.js';
import { getRequestAuth } from './request-auth.js';

type Target = Parameters<Reflector['getAllAndOverride']>[1][number];

/** `@Public(true)`: the guard lets every request through to this handler or controller, and looks at no credential. */
export const Public = Reflector.createDecorator<boolean>();

const AcceptedTokens = Reflector.createDecorator<readonly TokenType[]>();

/** `@AcceptTokens('session_token', 'api_key')`: which kinds of token this handler or controller takes. @default session tokens only */
export function AcceptTokens(...tokenTypes: readonly [TokenType, ...TokenType[]]) {
  return AcceptedTokens(tokenTypes);
}

/** What `@AcceptTokens()` says, the first target that has it. */
export function acceptedTokensOn(reflector: Reflector, targets: Target[]): readonly TokenType[] {
  return reflector.getAllAndOverride(AcceptedTokens, targets) ?? ['session_token'];
}

/** `@OptionalAuth(true)`: a request without credentials is let through as nobody; bad credentials are refused all the same. */
export const OptionalAuth = Reflector.createDecorator<boolean>();

/** `@UseClerkInstance('staff')`: which of several Clerk instances this handler or controller trusts. @default by configuration */
export const UseClerkInstance = Reflector.createDecorator<string>();

/**
 * Parameter: what the guard proved; null for nobody, on a route with `@OptionalAuth(true)`. On a route without the guard, or a
 * public one: 401 `TOKEN_MISSING`.
 */
export const CurrentAuth = createParamDecorator((_data: undefined, context: ExecutionContext): Auth | null =>
  requireAuth(context),
);

const AuthOfCurrentUser = createParamDecorator(
  (_data: undefined, context: ExecutionContext): AuthenticatedCall => ({
    auth: requireAuth(context),
    context,
  }),
);

/**
 * Parameter: the signed-in user as the database has it (`MirroredUser`). One who comes before his webhook is fetched from
 * Clerk once. Null for nobody, on a route with `@OptionalAuth(true)`. 403 `NOT_ALLOWED` for a machine token that does not stand for a user; 401 `USER_DELETED` or `SESSION_REVOKED`
 * when the user is deleted, banned or locked.
 */
export const CurrentUser = (): ParameterDecorator => AuthOfCurrentUser(CurrentUserPipe);

function requireAuth(context: ExecutionContext): Auth | null {
  const auth = getRequestAuth(context);
  if (auth !== undefined) return auth;
  throw new ClerkHttpException(
    new ClerkError('TOKEN_MISSING', 'Nobody is signed in here. Put ClerkAuthGuard on the route.'),
  );
}
