import { setTimeout as passMs } from 'node:timers/promises';

import { Cluster, Redis } from 'ioredis';

import { RedisServer } from './redis-server.js';

const SLOTS = 16_384;
const PRIMARIES = 3;
/** A node that is silent for so long is given up by the others, milliseconds. */
const NODE_TIMEOUT_MS = 3_000;
const FORMED_MS_MAX = 20_000;

interface Node {
  readonly server: RedisServer;
  readonly redis: Redis;
  readonly id: string;
}

/** Six processes of the test's own: three primaries with a third of the slots each, and a replica of each. */
export class RedisCluster {
  private constructor(
    private readonly primaries: readonly Node[],
    private readonly replicas: readonly Node[],
  ) {}

  static async start(): Promise<RedisCluster> {
    const nodes: Node[] = [];
    for (let index = 0; index < 2 * PRIMARIES; index += 1) {
      const server = await RedisServer.startClusterNode(NODE_TIMEOUT_MS);
      const redis = new Redis(server.url, { maxRetriesPerRequest: 1 });
      redis.on('error', () => undefined);
      nodes.push({ server, redis, id: String(await redis.cluster('MYID')) });
    }
    const cluster = new RedisCluster(nodes.slice(0, PRIMARIES), nodes.slice(PRIMARIES));
    try {
      await cluster.form();
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  get urls(): readonly string[] {
    return this.primaries.map(({ server }) => server.url);
  }

  connect(): Cluster {
    return new Cluster([...this.urls]);
  }

  /** Takes the slot of this key, and all keys in it, to another primary, as `redis-cli --cluster reshard` does. `halfway`: while it is in neither. */
  async moveSlotOf(key: string, halfway: () => Promise<void> = () => Promise.resolve()): Promise<void> {
    const [first] = this.primaries;
    if (first === undefined) return;
    const slot = Number(await first.redis.cluster('KEYSLOT', key));
    const from = await this.ownerOf(slot);
    const to = this.primaries[(this.primaries.indexOf(from) + 1) % PRIMARIES] ?? first;
    await to.redis.cluster('SETSLOT', slot, 'IMPORTING', from.id);
    await from.redis.cluster('SETSLOT', slot, 'MIGRATING', to.id);
    await halfway();
    for (;;) {
      const keys = await from.redis.cluster('GETKEYSINSLOT', slot, 100);
      if (keys.length === 0) break;
      await from.redis.migrate('127.0.0.1', to.server.port, '', 0, 5_000, 'KEYS', ...keys.map(String));
    }
    for (const { redis } of [to, from]) await redis.cluster('SETSLOT', slot, 'NODE', to.id);
  }

  /** Ends the primary that has this key at once; its replica takes over by itself, some seconds later. */
  async killPrimaryOf(key: string): Promise<void> {
    const slot = Number(await this.primaries[0]?.redis.cluster('KEYSLOT', key));
    const { redis, server } = await this.ownerOf(slot);
    // While there is a connection: see below.
    disconnect(redis);
    await server.kill();
  }

  async stop(): Promise<void> {
    for (const { redis, server } of [...this.primaries, ...this.replicas]) {
      disconnect(redis);
      await server.kill();
    }
  }

  private async form(): Promise<void> {
    const [first] = this.primaries;
    const nodes = [...this.primaries, ...this.replicas];
    for (const [index, { redis }] of this.primaries.entries()) {
      const start = Math.floor((SLOTS * index) / PRIMARIES);
      await redis.cluster('ADDSLOTSRANGE', start, Math.floor((SLOTS * (index + 1)) / PRIMARIES) - 1);
      await redis.call('CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1));
    }
    for (const { redis } of nodes.slice(1)) {
      await redis.call(
        'CLUSTER',
        'MEET',
        '127.0.0.1',
        String(first?.server.port),
        String(first?.server.busPort),
      );
    }
    await this.until(nodes, async ({ redis }) => (await nodesSeenBy(redis)).length === nodes.length);
    for (const [index, { redis }] of this.replicas.entries()) {
      await redis.cluster('REPLICATE', this.primaries[index]?.id ?? '');
    }
    await this.until(nodes, async ({ redis }) => {
      const isOk = String(await redis.cluster('INFO')).includes('cluster_state:ok');
      return (
        isOk &&
        (await nodesSeenBy(redis)).filter((line) => / (?:myself,)?slave /.test(line)).length === PRIMARIES
      );
    });
    await this.until(this.replicas, async ({ redis }) =>
      (await redis.info('replication')).includes('master_link_status:up'),
    );
  }

  private async until(nodes: readonly Node[], holds: (node: Node) => Promise<boolean>): Promise<void> {
    const untilMs = performance.now() + FORMED_MS_MAX;
    while (performance.now() < untilMs) {
      if ((await Promise.all(nodes.map(holds))).every(Boolean)) return;
      await passMs(20);
    }
    throw new Error('The cluster does not form.');
  }

  private async ownerOf(slot: number): Promise<Node> {
    for (const node of this.primaries) {
      const own = (await nodesSeenBy(node.redis)).find((line) => line.includes('myself')) ?? '';
      if (slotsIn(own).some(([start, end]) => slot >= start && slot <= end)) return node;
    }
    throw new Error(`No primary has slot ${slot}.`);
  }
}

/** Once: what is closed already would be waited for, and keep this process from ending, for 2 s. */
function disconnect(redis: Redis): void {
  if (redis.status !== 'end') redis.disconnect();
}

async function nodesSeenBy(redis: Redis): Promise<readonly string[]> {
  return String(await redis.cluster('NODES'))
    .trim()
    .split('\n');
}

/** Of a line of CLUSTER NODES: eight words, and then the ranges. https://redis.io/docs/latest/commands/cluster-nodes/ (read 2026-11-21) */
function slotsIn(line: string): readonly (readonly [number, number])[] {
  return line
    .split(' ')
    .slice(8)
    .filter((word) => !word.startsWith('['))
    .map((word) => word.split('-').map(Number))
    .map(([start = 0, end = start]) => [start, end]);
}
