import { ConfigurableModuleBuilder } from '@nestjs/common';
import { ConfigModule } from '@nestjs/config';
import { DiscoveryModule } from '@nestjs/core';

import type { ClerkModuleOptions } from './clerk.options.js';
import { createWebhookController } from './webhooks/webhook.controller.js';

/** What has to be known before any factory runs. */
export interface ClerkModuleExtras {
  /** Whether every module of the application can use the guard and the service without importing this one. @default true */
  readonly isGlobal?: boolean;
  /** Where Clerk's webhooks are received, below the global prefix: one path or several; null for no endpoint. @default 'webhooks/clerk' */
  readonly webhookPath?: string | readonly string[] | null;
}

export const WEBHOOK_PATHS = Symbol('nest-clerk.webhook-paths');

export const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN, OPTIONS_TYPE, ASYNC_OPTIONS_TYPE } =
  new ConfigurableModuleBuilder<ClerkModuleOptions>()
    .setExtras<ClerkModuleExtras>(
      { isGlobal: true, webhookPath: 'webhooks/clerk' },
      (definition, { isGlobal = true, webhookPath = 'webhooks/clerk' }) => {
        const paths = [webhookPath ?? []].flat();
        return {
          ...definition,
          global: isGlobal,
          imports: [...(definition.imports ?? []), ConfigModule, DiscoveryModule],
          controllers: paths.length === 0 ? [] : [createWebhookController(paths)],
          providers: [...(definition.providers ?? []), { provide: WEBHOOK_PATHS, useValue: paths }],
        };
      },
    )
    .build();
