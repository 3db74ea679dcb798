import { Controller, Get, Module, UseGuards } from '@nestjs/common';

import { SessionTokenVerifier } from '../../../libs/clerk/src/auth/session-token-verifier.js';
import { type Auth, ClerkAuthGuard, ClerkModule, CurrentAuth } from '../../../libs/clerk/src/index.js';
import type { ClerkConnection } from '../clerk-connection.js';
import { startNest } from './nest-server.js';
import type { RunningServer } from './running-server.js';

@Controller()
@UseGuards(ClerkAuthGuard)
class WhoController {
  @Get('who')
  who(@CurrentAuth() auth: Auth) {
    return { userId: auth.tokenType === 'session_token' ? auth.userId : null };
  }
}

/** nest-clerk as a user has it: the guard on the controller, webhooks received, every other option left alone. */
export async function start(clerk: ClerkConnection): Promise<RunningServer> {
  return startWith(clerk, { jwtKey: clerk.jwtKey });
}

/** The same without `jwtKey`: keys come from Clerk. */
export async function startWithJwks(clerk: ClerkConnection): Promise<RunningServer> {
  return startWith(clerk, {});
}

async function startWith(clerk: ClerkConnection, options: { jwtKey?: string }): Promise<RunningServer> {
  const { secretKey, publishableKey, apiUrl, issuer, webhookSecret: webhookSecrets } = clerk;

  @Module({
    imports: [
      ClerkModule.register({ secretKey, publishableKey, apiUrl, issuer, webhookSecrets, ...options }),
    ],
    controllers: [WhoController],
  })
  class AppModule {}

  const { app, port } = await startNest(AppModule);
  const verifier = app.get(SessionTokenVerifier, { strict: false });
  return { port, remembered: (tokens) => tokens.filter((token) => verifier.remembers(token)).length };
}
