import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';

import { ClerkError } from '../clerk-error.js';
import type { Auth } from './auth.js';
import { ClerkSockets } from './clerk-sockets.service.js';
import type { Admission } from './demand.js';
import { setProvedAuth, setRequestAuth } from './request-auth.js';
import { RequestAuthenticator } from './request-authenticator.js';
import { readRouteAccess, type RouteAccess } from './route-access.js';
import { TransportExceptions } from './transport-exceptions.js';
import type { Transport } from './transports/transport.js';
import { transportOf } from './transports/transports.js';

/** A call that the guard looks at. */
interface Call {
  readonly context: ExecutionContext;
  readonly transport: Transport;
  readonly admission: Admission;
}

/**
 * Lets a call through only with a token that verifies, and only if it meets what `@Authorize()` and its kin demand. Put it on
 * controllers, resolvers and gateways with `@UseGuards(ClerkAuthGuard)`, or on the whole application as `APP_GUARD`;
 * `@Public(true)` makes an exception. HTTP on Fastify and Express, GraphQL, WebSocket gateways and microservice handlers.
 *
 * Bad credentials: 401. Not allowed: 403. Clerk, or what we depend on, cannot answer: 503, never 401. Other transports get
 * their own kind of exception with the same code.
 */
@Injectable()
export class ClerkAuthGuard implements CanActivate {
  /** By controller, then handler: an inherited handler is one function in several controllers. */
  readonly #accessOf = new WeakMap<object, WeakMap<object, RouteAccess>>();

  constructor(
    private readonly authenticator: RequestAuthenticator,
    private readonly sockets: ClerkSockets,
    private readonly exceptions: TransportExceptions,
  ) {}

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    const transport = transportOf(context);
    const access = this.#access(context);
    if (access.kind === 'public') return true;
    const { accepted, admission, instance } = access;
    const request = { headers: transport.headers(context), accepted, instance };
    if (access.isOptional && !this.authenticator.hasCredentials(request)) {
      setRequestAuth(context, null);
      return true;
    }
    const call = { context, transport, admission };
    try {
      const auth = this.authenticator.authenticate(request);
      return auth instanceof Promise ? this.#admitLater(auth, call) : this.#admit(auth, call);
    } catch (error) {
      throw this.exceptions.of(error, context);
    }
  }

  #access(context: ExecutionContext): RouteAccess {
    const controller = context.getClass();
    const handler = context.getHandler();
    let accesses = this.#accessOf.get(controller);
    if (accesses === undefined) this.#accessOf.set(controller, (accesses = new WeakMap()));
    let access = accesses.get(handler);
    if (access === undefined) {
      access = readRouteAccess(handler, controller);
      accesses.set(handler, access);
    }
    return access;
  }

  async #admitLater(auth: Promise<Auth>, call: Call): Promise<true> {
    try {
      return this.#admit(await auth, call);
    } catch (error) {
      throw this.exceptions.of(error, call.context);
    }
  }

  /** @throws ClerkError NOT_ALLOWED, REVERIFICATION_REQUIRED */
  #admit(auth: Auth, { context, transport, admission }: Call): true {
    // Also of whom is refused what he asks for: whoever looks on, such as a rate limit, must know whose call it was.
    setProvedAuth(context, auth);
    const decision = admission(auth, transport.parameters(context));
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
    const socket = transport.socket?.(context) ?? null;
    if (socket !== null) this.sockets.closeWith(auth, socket, transport.headers(context));
    return true;
  }
}
