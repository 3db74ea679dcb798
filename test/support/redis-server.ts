import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Redis } from 'ioredis';

import { freePort } from './free-port.js';

// Part of the machine, if it is there: no dependency of this project.
const BINARY = 'redis-server';

/** Whether private servers can be started here. */
export const hasRedisServer = spawnSync(BINARY, ['--version']).status === 0;

if (!hasRedisServer && process.env['CI']) {
  throw new Error(
    `CI needs servers of Redis that tests may stop: ${BINARY} is not installed (apt-get install redis-server).`,
  );
}
if (!hasRedisServer)
  process.stderr.write(
    `${BINARY} is not installed: in place of losing a server the tests empty database 9 of TEST_REDIS_URL, and those that change its settings are skipped.\n`,
  );

/** A Redis of the test's own that keeps nothing: whoever ends it has lost what was in it. */
export class RedisServer {
  private process: ChildProcess | undefined;
  private directory = '';

  private constructor(
    readonly port: number,
    /** Where it talks to the other nodes of its cluster. */
    readonly busPort: number | null = null,
    private readonly clusterWords: readonly string[] = [],
  ) {}

  /** @param primaryPort makes it a replica */
  static async start(primaryPort?: number): Promise<RedisServer> {
    const server = new RedisServer(await freePort());
    await server.start(primaryPort);
    return server;
  }

  /** One of a cluster that is still to be formed. @param nodeTimeoutMs after which the others give it up */
  static async startClusterNode(nodeTimeoutMs: number): Promise<RedisServer> {
    const [port, busPort] = [await freePort(), await freePort()];
    const cluster = ['--cluster-enabled', 'yes', '--cluster-config-file', 'nodes.conf'];
    // By default 10,000 more than the other, which not every free port allows.
    const bus = ['--cluster-port', String(busPort), '--cluster-node-timeout', String(nodeTimeoutMs)];
    const words = [...cluster, ...bus, '--cluster-replica-validity-factor', '0'];
    const server = new RedisServer(port, busPort, words);
    await server.start();
    return server;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Again, on the same port, and empty. */
  async start(primaryPort?: number): Promise<void> {
    const role = primaryPort === undefined ? [] : ['--replicaof', '127.0.0.1', String(primaryPort)];
    const words = ['--port', String(this.port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
    // Its own: a replica leaves what it was sent there, which the next server would begin with.
    this.directory = await mkdtemp(join(tmpdir(), 'nest-clerk-redis-'));
    const child = spawn(
      BINARY,
      [...words, '--repl-diskless-sync-delay', '0', ...role, ...this.clusterWords],
      {
        cwd: this.directory,
        stdio: ['ignore', 'pipe', 'ignore'],
      },
    );
    this.process = child;
    await new Promise<void>((resolve, reject) => {
      let output = '';
      child.once('error', reject);
      child.once('exit', () => reject(new Error(`redis-server ended: ${output}`)));
      child.stdout.on('data', (chunk) => {
        output += String(chunk);
        if (output.includes('Ready to accept connections')) resolve();
      });
    });
  }

  /** At once and with everything in it, as a machine that fails. Idempotent. */
  async kill(): Promise<void> {
    const { process } = this;
    this.process = undefined;
    if (process === undefined || process.exitCode !== null || process.signalCode !== null) return;
    const ended = once(process, 'exit');
    process.kill('SIGKILL');
    await ended;
    await rm(this.directory, { recursive: true, force: true });
  }

  /** As a machine that hangs: connections stay, and nothing is answered. */
  pause(): void {
    this.process?.kill('SIGSTOP');
  }

  resume(): void {
    this.process?.kill('SIGCONT');
  }

  async ask<T>(question: (redis: Redis) => Promise<T>): Promise<T> {
    const redis = new Redis(this.url, { maxRetriesPerRequest: 1 });
    try {
      return await question(redis);
    } finally {
      redis.disconnect();
    }
  }
}

/** A Redis that can be lost. `port` and `database` are where it is found; connections to it are to go through a proxy. */
export interface LosableRedis {
  readonly port: number;
  readonly database: number;
  /** Waits until the replica has everything, and then lets it have no more. */
  readonly isolateReplica: () => Promise<void>;
  /** The replica takes over, with what it has; gives its port. */
  readonly failOver: () => Promise<number>;
  /** Everything is gone. */
  readonly restart: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

/** Private servers, a primary and its replica; where there is no `redis-server`, a database of the shared one that is emptied. */
export async function startLosableRedis(): Promise<LosableRedis> {
  if (!hasRedisServer) return emptiedDatabase(9);
  const primary = await RedisServer.start();
  const replica = await RedisServer.start(primary.port);
  return {
    port: primary.port,
    database: 0,
    isolateReplica: async () => {
      // Answers when the replica has confirmed every write so far, within 20 s.
      const confirmed = await primary.ask(async (redis) => {
        await redis.set('isolate', '1');
        return redis.wait(1, 20_000);
      });
      if (confirmed !== 1) throw new Error('The replica does not follow.');
      await replica.ask((redis) => redis.replicaof('NO', 'ONE'));
    },
    failOver: async () => {
      await primary.kill();
      return replica.port;
    },
    restart: async () => {
      await primary.kill();
      await primary.start();
    },
    stop: async () => {
      await primary.kill();
      await replica.kill();
    },
  };
}

function emptiedDatabase(database: number): LosableRedis {
  const url = new URL(process.env['TEST_REDIS_URL'] ?? '');
  const port = Number(url.port || 6379);
  const empty = async () => {
    const redis = new Redis(url.href, { db: database });
    await redis.flushdb();
    redis.disconnect();
  };
  return {
    port,
    database,
    isolateReplica: () => Promise.resolve(),
    failOver: async () => {
      await empty();
      return port;
    },
    restart: empty,
    stop: empty,
  };
}
