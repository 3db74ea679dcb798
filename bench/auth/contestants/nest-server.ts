import type { AddressInfo } from 'node:net';

import type { DynamicModule, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';

import { HOST } from './running-server.js';

/** Starts a Nest application on Fastify, on any free port. */
export async function startNest(
  root: Type<unknown> | DynamicModule,
): Promise<{ app: NestFastifyApplication; port: number }> {
  const app = await NestFactory.create<NestFastifyApplication>(root, new FastifyAdapter(), {
    logger: ['error'],
    abortOnError: false,
  });
  await app.listen(0, HOST);
  // Listening on a port, not on a pipe.
  const { port } = app.getHttpServer().address() as AddressInfo;
  return { app, port };
}
