import { Reflector } from '@nestjs/core';

import type { TokenType } from './auth.js';
import { AcceptTokens, OptionalAuth, Public, UseClerkInstance } from './auth.decorators.js';
import { demandsOn } from './authorization.decorators.js';
import { type Admission, compileDemands, type Demand } from './demand.js';

/** What a route asks of a request. */
export type RouteAccess =
  | { readonly kind: 'public' }
  | {
      readonly kind: 'guarded';
      /** Whether a request without credentials is let through as nobody. */
      readonly isOptional: boolean;
      readonly accepted: readonly TokenType[];
      /** Name of the Clerk instance that has to prove it; null leaves that to the configuration. */
      readonly instance: string | null;
      readonly admission: Admission;
    };

type Target = Parameters<Reflector['getAllAndOverride']>[1][number];

/** What the decorators of a handler and of its controller say: the handler's word first, demands of both added up. */
export function readRouteAccess(handler: Target, controller: Target): RouteAccess {
  const reflector = new Reflector();
  const targets = [handler, controller];
  if (reflector.getAllAndOverride(Public, targets) === true) return { kind: 'public' };
  const demands = routeDemands(handler, controller);
  return {
    kind: 'guarded',
    // Who is nobody can meet no demand: then there is nothing optional about it.
    isOptional: reflector.getAllAndOverride(OptionalAuth, targets) === true && demands.length === 0,
    accepted: reflector.getAllAndOverride(AcceptTokens, targets) ?? ['session_token'],
    instance: reflector.getAllAndOverride(UseClerkInstance, targets) ?? null,
    admission: compileDemands(demands),
  };
}

export function routeDemands(handler: object, controller: object): readonly Demand[] {
  return [...demandsOn(controller), ...demandsOn(handler)];
}
