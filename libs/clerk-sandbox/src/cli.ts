#!/usr/bin/env node
import { parseArgs } from 'node:util';

import { ClerkSandbox } from './clerk-sandbox.js';

const USAGE = `clerk-sandbox: an offline Clerk on 127.0.0.1, for development and tests

  --port N             port (default 4100)
  --webhook URL        where webhooks go; may be given several times
  --webhook-secret S   whsec_… of the first endpoint (default: a new one)
  --no-seed            start empty
  --help               this text`;

await main();

async function main(): Promise<void> {
  const options = readOptions();
  if (options === null) return;
  try {
    const sandbox = await ClerkSandbox.start(options);
    report(sandbox);
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void sandbox.stop());
  } catch (error) {
    console.error(`clerk-sandbox: ${explain(error, options.port)}`);
    process.exitCode = 1;
  }
}

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        port: { type: 'string', default: '4100' },
        webhook: { type: 'string', multiple: true, default: [] },
        'webhook-secret': { type: 'string' },
        seed: { type: 'boolean', default: true },
        help: { type: 'boolean', default: false },
      },
      allowNegative: true,
    });
    if (values.help) {
      console.log(USAGE);
      return null;
    }
    const port = Number(values.port);
    if (!Number.isInteger(port) || port < 0 || port > 65_535)
      throw new Error('--port must be from 0 to 65535');
    const secret = values['webhook-secret'];
    const webhookEndpoints = values.webhook.map((url, index) =>
      index === 0 && secret !== undefined ? { url, secret } : { url },
    );
    if (!webhookEndpoints.every(({ url }) => URL.canParse(url))) throw new Error('--webhook must be a URL');
    return { port, webhookEndpoints, seed: values.seed };
  } catch (error) {
    console.error(`clerk-sandbox: ${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    process.exitCode = 2;
    return null;
  }
}

function report(sandbox: ClerkSandbox): void {
  console.log(`Clerk sandbox on ${sandbox.url}; what it can do: curl -s ${sandbox.url}/sandbox

  CLERK_API_URL=${sandbox.url}
  CLERK_SECRET_KEY=${sandbox.secretKey}
  CLERK_PUBLISHABLE_KEY=${sandbox.publishableKey}`);
  for (const { url, secret } of sandbox.webhooks.endpoints())
    console.log(`  CLERK_WEBHOOK_SECRET=${secret}   # ${url}`);
}

function explain(error: unknown, port: number): string {
  if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') {
    return `port ${port} is taken: stop what listens there or give another --port.`;
  }
  return error instanceof Error ? error.message : String(error);
}
