import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';

import { SessionTokenVerifier } from '../../libs/clerk/src/auth/session-token-verifier.js';
import { ClerkModule, type ClerkModuleOptions } from '../../libs/clerk/src/index.js';
import type { ClerkConnection } from './clerk-connection.js';

/** The verifier behind the guard, as the module makes it: default options, storage in memory, except what is changed. */
export async function createSessionTokenVerifier(
  clerk: ClerkConnection,
  changed: Pick<ClerkModuleOptions, 'verifiedTokenTtlSeconds'> = {},
): Promise<SessionTokenVerifier> {
  const { secretKey, publishableKey, apiUrl, issuer, jwtKey, webhookSecret: webhookSecrets } = clerk;

  @Module({
    imports: [
      ClerkModule.register({ secretKey, publishableKey, apiUrl, issuer, jwtKey, webhookSecrets, ...changed }),
    ],
  })
  class AppModule {}

  const app = await NestFactory.create(AppModule, new FastifyAdapter(), {
    logger: ['error'],
    abortOnError: false,
  });
  await app.init();
  return app.get(SessionTokenVerifier, { strict: false });
}
