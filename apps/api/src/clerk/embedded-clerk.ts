import type { OnApplicationShutdown } from '@nestjs/common';
import { ClerkSandbox, createWebhookSecret } from 'clerk-sandbox';
import type { ClerkModuleOptions } from 'nest-clerk';

/** The offline Clerk that stands in until `CLERK_SECRET_KEY` is set. Never in production: it refuses to start there. */
export class EmbeddedClerk implements OnApplicationShutdown {
  private readonly webhookSecret = createWebhookSecret();

  private constructor(readonly sandbox: ClerkSandbox) {}

  /** @throws Error when the port is taken, or `NODE_ENV` is `production` */
  static async start(port: number): Promise<EmbeddedClerk> {
    try {
      return new EmbeddedClerk(await ClerkSandbox.start({ port, seed: false }));
    } catch (error) {
      const isTaken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
      if (!isTaken) throw error;
      throw new Error(`Port ${port} for the offline Clerk is taken: set SANDBOX_PORT to another.`, {
        cause: error,
      });
    }
  }

  get options(): ClerkModuleOptions {
    const { url: apiUrl, secretKey, publishableKey } = this.sandbox;
    return { apiUrl, secretKey, publishableKey, webhookSecrets: this.webhookSecret };
  }

  /** Sends webhooks there from now on, those of the seeded users first. */
  deliverTo(url: string): void {
    this.sandbox.webhooks.addEndpoint(url, this.webhookSecret);
    this.sandbox.plantSeeds();
  }

  onApplicationShutdown(): Promise<void> {
    return this.sandbox.stop();
  }
}
