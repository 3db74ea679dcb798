import { ConfigurableModuleBuilder } from '@nestjs/common';

import type { RateLimitModuleOptions } from './rate-limit.options.js';

/** What has to be known before any factory runs. */
export interface RateLimitModuleExtras {
  /** Whether every module of the application can use guard and interceptor without importing this one. @default true */
  readonly isGlobal?: boolean;
}

export const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN } =
  new ConfigurableModuleBuilder<RateLimitModuleOptions>()
    .setExtras<RateLimitModuleExtras>({}, (definition, { isGlobal = true }) => ({
      ...definition,
      global: isGlobal,
    }))
    .build();
