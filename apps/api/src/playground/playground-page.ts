import { existsSync } from 'node:fs';
import { join } from 'node:path';

import fastifyStatic from '@fastify/static';
import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyAdapter } from '@nestjs/platform-fastify';

import { projectDirectory } from '../database/project-files.js';

const HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

/** Serves the built page at `/`: its own files, and no others. */
@Injectable()
export class PlaygroundPage implements OnModuleInit {
  constructor(private readonly host: HttpAdapterHost<FastifyAdapter>) {}

  onModuleInit(): void {
    const root = join(projectDirectory, 'dist', 'playground');
    if (!existsSync(join(root, 'index.html'))) {
      new Logger('Playground').warn('The page at / is not built: npm run build.');
      return;
    }
    // Not awaited: that would start Fastify before Nest has set its answer to errors.
    void this.host.httpAdapter.getInstance().register(fastifyStatic, {
      root,
      wildcard: false,
      // The API's description serves files as well, and has decorated the replies.
      decorateReply: false,
      cacheControl: false,
      setHeaders: (reply) => void reply.headers(HEADERS),
    });
  }
}
