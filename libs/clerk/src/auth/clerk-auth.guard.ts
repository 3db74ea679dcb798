import type { IncomingHttpHeaders } from 'node:http';

import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';

import { ClerkError } from '../clerk-error.js';
import type { Auth } from './auth.js';
import type { Admission, PathParameters } from './demand.js';
import { toHttpException } from './http-errors.js';
import { setRequestAuth } from './request-auth.js';
import { RequestAuthenticator } from './request-authenticator.js';
import { readRouteAccess, type RouteAccess } from './route-access.js';

interface HttpRequest {
  readonly headers: IncomingHttpHeaders;
  readonly params: PathParameters;
}

/**
 * Lets a request through only with a token that verifies, and only if it meets what `@Authorize()` and its kin demand. Put it on
 * controllers with `@UseGuards(ClerkAuthGuard)`, or on the whole application as `APP_GUARD`; `@Public(true)` makes an exception.
 * HTTP, on Fastify and Express.
 *
 * Bad credentials: 401. Not allowed: 403. Clerk, or what we depend on, cannot answer: 503, never 401.
 */
@Injectable()
export class ClerkAuthGuard implements CanActivate {
  /** By controller, then handler: an inherited handler is one function in several controllers. */
  readonly #accessOf = new WeakMap<object, WeakMap<object, RouteAccess>>();

  constructor(
    private readonly reflector: Reflector,
    private readonly authenticator: RequestAuthenticator,
  ) {}

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    if (context.getType() !== 'http') throw new Error('ClerkAuthGuard guards HTTP routes only.');
    const access = this.#access(context);
    if (access.kind === 'public') return true;
    const { authorization } = context.switchToHttp().getRequest<HttpRequest>().headers;
    if (access.isOptional && authorization === undefined) {
      setRequestAuth(context, null);
      return true;
    }
    try {
      const auth = this.authenticator.authenticate(authorization, access.accepted);
      return auth instanceof Promise
        ? admitLater(context, auth, access.admission)
        : admit(context, auth, access.admission);
    } catch (error) {
      throw toHttpException(error);
    }
  }

  #access(context: ExecutionContext): RouteAccess {
    const controller = context.getClass();
    const handler = context.getHandler();
    let accesses = this.#accessOf.get(controller);
    if (accesses === undefined) this.#accessOf.set(controller, (accesses = new WeakMap()));
    let access = accesses.get(handler);
    if (access === undefined) {
      access = readRouteAccess(this.reflector, handler, controller);
      accesses.set(handler, access);
    }
    return access;
  }
}

async function admitLater(
  context: ExecutionContext,
  auth: Promise<Auth>,
  admission: Admission,
): Promise<true> {
  try {
    return admit(context, await auth, admission);
  } catch (error) {
    throw toHttpException(error);
  }
}

/** @throws ClerkError NOT_ALLOWED, REVERIFICATION_REQUIRED */
function admit(context: ExecutionContext, auth: Auth, admission: Admission): true {
  const decision = admission(auth, context.switchToHttp().getRequest<HttpRequest>().params);
  if (decision.outcome === 'denied') {
    throw new ClerkError(
      'NOT_ALLOWED',
      'This takes a role, permission, plan, scope or organisation that is not there.',
    );
  }
  if (decision.outcome === 'reverification-required') {
    throw new ClerkError('REVERIFICATION_REQUIRED', 'Prove once more who you are, and try again.', {
      reverification: decision.reverification,
    });
  }
  setRequestAuth(context, auth);
  return true;
}
