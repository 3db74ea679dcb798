import {
  type DynamicModule,
  Inject,
  Logger,
  type MiddlewareConsumer,
  Module,
  type NestModule,
} from '@nestjs/common';

import { ClerkExceptionFilter } from './auth/clerk-exception.filter.js';
import { ClerkSockets } from './auth/clerk-sockets.service.js';
import { RequestAuthenticator } from './auth/request-authenticator.js';
import { TransportExceptions } from './auth/transport-exceptions.js';
import { ConfigurableModuleClass, OPTIONS_TYPE } from './clerk.module-definition.js';
import type { ResolvedOptions } from './clerk.options.js';
import { ClerkService } from './clerk.service.js';
import { clerkProviders } from './clerk.providers.js';
import { OPTIONS } from './clerk.tokens.js';
import { ClerkSync } from './sync/clerk-sync.service.js';
import { CurrentUsers } from './users/current-users.js';
import { WebhookBodies } from './webhooks/webhook-bodies.js';

/**
 * Clerk for this application: verifies tokens, receives webhooks and keeps the users in the database in step.
 *
 * `ClerkModule.register()` reads everything from the environment; `register({…})` and `registerAsync({…})` take options.
 * Several registrations work side by side, each with its own keys, endpoint and storage; then give them `isGlobal: false`.
 *
 * @throws ClerkError OPTIONS_INVALID at boot, with every problem in one message
 */
@Module({
  providers: clerkProviders,
  exports: [
    ClerkService,
    ClerkSync,
    RequestAuthenticator,
    CurrentUsers,
    ClerkSockets,
    TransportExceptions,
    ClerkExceptionFilter,
  ],
})
export class ClerkModule extends ConfigurableModuleClass implements NestModule {
  constructor(
    @Inject(OPTIONS) options: ResolvedOptions,
    private readonly bodies: WebhookBodies,
  ) {
    super();
    if (options.database === null) {
      new Logger(ClerkModule.name).warn(
        'No database is configured: users and webhooks are kept in this process only, and are gone when it ends.',
      );
    }
  }

  static override register(options: typeof OPTIONS_TYPE = {}): DynamicModule {
    return super.register(options);
  }

  configure(consumer: MiddlewareConsumer): void {
    this.bodies.configure(consumer);
  }
}
