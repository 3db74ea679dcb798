import type { IncomingMessage, Server } from 'node:http';

import { Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';

/**
 * Says once that requests come with an X-Forwarded-For that nobody believes: behind a proxy that is not trusted, all callers have
 * its address, and share its budgets.
 */
@Injectable()
export class UntrustedForwarding implements OnApplicationBootstrap {
  private readonly logger = new Logger(UntrustedForwarding.name);

  constructor(private readonly host: HttpAdapterHost) {}

  onApplicationBootstrap(): void {
    const server: Server = this.host.httpAdapter.getHttpServer();
    const look = ({ headers }: IncomingMessage): void => {
      if (headers['x-forwarded-for'] === undefined) return;
      server.off('request', look);
      this.logger.warn(
        'A request carries X-Forwarded-For and TRUSTED_PROXIES is not set: if a proxy stands in front, all callers have its address and share one budget. Set TRUSTED_PROXIES to the proxy.',
      );
    };
    server.on('request', look);
  }
}
