import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';

import { notAllowed } from '../users/user-access.js';

const LOOPBACK_HOST = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/;

/**
 * Lets in what the page itself asks, and a command line: these routes sign anybody in. Another site that a developer visits may
 * neither send here nor, under a name of its own for 127.0.0.1, read here.
 */
@Injectable()
export class SamePageGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const { headers } = context.switchToHttp().getRequest<FastifyRequest>();
    const site = headers['sec-fetch-site'] ?? 'none';
    const isOwn = site === 'same-origin' || site === 'none';
    if (isOwn && LOOPBACK_HOST.test(headers.host ?? '')) return true;
    throw notAllowed('Only the page at / may ask for this.');
  }
}
