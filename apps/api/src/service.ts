import { ConsoleLogger, type INestApplication, Logger, type LoggerService } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';

import { AppModule } from './app.module.js';
import { WEBHOOK_PATHS } from './clerk/clerk-host.module.js';
import { EmbeddedClerk } from './clerk/embedded-clerk.js';
import type { Environment } from './config/environment.js';
import { trustProxyOf } from './config/trusted-proxies.js';
import { answerClientError, answerFrameworkError } from './http/fastify-errors.js';
import { validationPipe } from './http/validation.pipe.js';

const BODY_BYTES_MAX = 1_048_576;
/** A request whose headers or body trickle in is given up after this, milliseconds. */
const REQUEST_MS_MAX = 30_000;

export interface Service {
  readonly app: NestFastifyApplication;
  /** Origin that it listens on. */
  readonly url: string;
}

/**
 * Starts the service and resolves when it listens.
 *
 * @throws Error with a message fit to be printed when the options, the database or a port are not right
 */
export async function startService(
  environment: Environment,
  logger: LoggerService | false = consoleLogger(environment),
): Promise<Service> {
  const app = await NestFactory.create<NestFastifyApplication>(
    AppModule.register(environment),
    new FastifyAdapter({
      bodyLimit: BODY_BYTES_MAX,
      requestTimeout: REQUEST_MS_MAX,
      frameworkErrors: answerFrameworkError,
      clientErrorHandler: answerClientError,
      routerOptions: { maxParamLength: 200 },
      trustProxy: trustProxyOf(environment.trustedProxies),
    }),
    // Fastify's own JSON parser: Nest's pair takes forms as well, which no route here wants.
    { abortOnError: false, bodyParser: false, logger },
  );
  try {
    app.getHttpAdapter().getInstance().removeContentTypeParser('text/plain');
    app.useGlobalPipes(validationPipe());
    describeApi(app);
    await app.listen(environment.port, environment.host);
  } catch (error) {
    await app.close();
    throw error;
  }
  const url = (await app.getUrl()).replace('[::1]', 'localhost');
  app.get<EmbeddedClerk | null>(EmbeddedClerk)?.deliverTo(`${url}/${WEBHOOK_PATHS[0]}`);
  tell(app, environment, url);
  return { app, url };
}

/** Nest writes an error of the boot with its stack, before the boot throws it: whoever started the boot says it once. */
class ServiceLogger extends ConsoleLogger {
  override error(...[message, ...rest]: Parameters<ConsoleLogger['error']>): void {
    if (rest.at(-1) !== 'ExceptionHandler') super.error(message, ...rest);
  }
}

function consoleLogger({ isProduction }: Environment): LoggerService {
  return new ServiceLogger({ json: isProduction, logLevels: ['fatal', 'error', 'warn', 'log'] });
}

function describeApi(app: INestApplication): void {
  const config = new DocumentBuilder()
    .setTitle('nest-clerk demo')
    .addBearerAuth()
    .addGlobalResponse({
      status: 429,
      description: 'RATE_LIMITED: the tier’s limit is spent until the time in Retry-After',
    })
    .build();
  SwaggerModule.setup('docs', app, () => SwaggerModule.createDocument(app, config));
}

function tell(app: INestApplication, environment: Environment, url: string): void {
  const sandbox = app.get<EmbeddedClerk | null>(EmbeddedClerk)?.sandbox;
  const parts = [
    `Clerk: ${sandbox === undefined ? 'configured' : `offline, ${sandbox.url}/sandbox says what it can do`}`,
    `database: ${environment.database.kind === 'embedded' ? `embedded, in ${environment.database.directory}` : 'PostgreSQL'}`,
    `caches: ${environment.redisUrls.length === 0 ? 'in this process' : 'Redis'}`,
    ...(environment.kafka === null ? [] : [`webhooks: through Kafka`]),
    `chat: ${environment.chatApi === null ? 'embedded responder' : 'CHAT_API_URL'}`,
  ];
  const seconds = process.uptime().toFixed(1);
  new Logger('Service').log(`Ready on ${url} after ${seconds} s (docs: ${url}/docs). ${parts.join('; ')}.`);
}
