import { ConfigurableModuleBuilder } from '@nestjs/common';
import { ConfigModule } from '@nestjs/config';
import { DiscoveryModule } from '@nestjs/core';

import type { ClerkModuleOptions } from './clerk.options.js';
import { INSTANCE, INSTANCE_NAME, WEBHOOK_PATHS } from './clerk.tokens.js';
import { DEFAULT_INSTANCE, instanceToken } from './instances/clerk-instance.js';
import { createWebhookController } from './webhooks/webhook.controller.js';

/** What has to be known before any factory runs. */
export interface ClerkModuleExtras {
  /**
   * Tells registrations for `ClerkInstancesModule` apart: a letter, then letters, digits and `-`. A registration with a name reads
   * variables with the name in them, `CLERK_STAFF_SECRET_KEY`. @default none
   */
  readonly name?: string;
  /** Whether every module of the application can use the guard and the service without importing this one. @default true without a name */
  readonly isGlobal?: boolean;
  /**
   * Where Clerk's webhooks are received, below the global prefix: one path or several; null for no endpoint.
   * @default 'webhooks/clerk', with the name behind it for a registration that has one
   */
  readonly webhookPath?: string | readonly string[] | null;
}

export const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN, OPTIONS_TYPE, ASYNC_OPTIONS_TYPE } =
  new ConfigurableModuleBuilder<ClerkModuleOptions>()
    .setExtras<ClerkModuleExtras>({}, (definition, { name, isGlobal = name === undefined, webhookPath }) => {
      const instance = name ?? DEFAULT_INSTANCE;
      const paths = webhookPath === null ? [] : [webhookPath ?? defaultWebhookPath(name)].flat();
      return {
        ...definition,
        global: isGlobal,
        imports: [...(definition.imports ?? []), ConfigModule, DiscoveryModule],
        controllers: paths.length === 0 ? [] : [createWebhookController(paths)],
        providers: [
          ...(definition.providers ?? []),
          { provide: WEBHOOK_PATHS, useValue: paths },
          { provide: INSTANCE_NAME, useValue: instance },
          { provide: instanceToken(instance), useExisting: INSTANCE },
        ],
        exports: [...(definition.exports ?? []), instanceToken(instance)],
      };
    })
    .build();

function defaultWebhookPath(name: string | undefined): string {
  return name === undefined ? 'webhooks/clerk' : `webhooks/clerk/${name}`;
}
