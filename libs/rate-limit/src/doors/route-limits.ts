import type { ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';

import { RouteCosts, SkippedRoutes } from './rate-limit.decorators.js';

/** What the decorators of a route say. */
export interface RouteLimit {
  readonly isSkipped: boolean;
  /** Units. */
  readonly cost: number;
}

/** Reads the decorators of each route once: the handler's word before that of its controller. */
export class RouteLimits {
  readonly #reflector = new Reflector();
  /** By controller, then handler: an inherited handler is one function in several controllers. */
  readonly #limitOf = new WeakMap<object, WeakMap<object, RouteLimit>>();

  of(context: ExecutionContext): RouteLimit {
    const controller = context.getClass();
    const handler = context.getHandler();
    let limits = this.#limitOf.get(controller);
    if (limits === undefined) this.#limitOf.set(controller, (limits = new WeakMap()));
    let limit = limits.get(handler);
    if (limit === undefined) {
      const targets = [handler, controller];
      limit = {
        isSkipped: this.#reflector.getAllAndOverride(SkippedRoutes, targets) === true,
        cost: this.#reflector.getAllAndOverride(RouteCosts, targets)?.cost ?? 1,
      };
      limits.set(handler, limit);
    }
    return limit;
  }
}
