import { type DynamicModule, Module } from '@nestjs/common';

import type { Environment } from '../config/environment.js';
import { FailingWebhook } from './failing-webhook.js';
import { PlaygroundPage } from './playground-page.js';
import { PlaygroundWebhooks } from './playground-webhooks.js';
import { PlaygroundController } from './playground.controller.js';

/** The page at `/` and what it asks for: on the offline Clerk only, and never in production. */
@Module({})
export class PlaygroundModule {
  static register({ isProduction, isSandboxed }: Environment): DynamicModule {
    if (isProduction || !isSandboxed) return { module: PlaygroundModule };
    return {
      module: PlaygroundModule,
      controllers: [PlaygroundController],
      providers: [FailingWebhook, PlaygroundPage, PlaygroundWebhooks],
    };
  }
}
