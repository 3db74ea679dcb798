import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';

import { Client } from 'pg';

const CONNECT_MS_MAX = 2_000;
const PAUSE_MS = 1_000;
/** A connection that nothing comes through is asked this often whether it is there, milliseconds. */
const KEEP_ALIVE_MS = 10_000;

export interface NoticeListenerOptions {
  readonly url: string;
  readonly channel: string;
  /** Called for each notice, and for each new connection: what was said before it is lost. */
  readonly onNotice: () => void;
}

/** Hears of `NOTIFY` on a PostgreSQL server, over a connection of its own, and connects again when that breaks. */
export class NoticeListener {
  private readonly stopped = new AbortController();
  private client: Client | null = null;
  private following: Promise<void> = Promise.resolve();

  private constructor(private readonly options: NoticeListenerOptions) {}

  /** Resolves once it listens, or cannot for now. */
  static async start(options: NoticeListenerOptions): Promise<NoticeListener> {
    const listener = new NoticeListener(options);
    await listener.connect();
    listener.following = listener.follow();
    return listener;
  }

  async stop(): Promise<void> {
    this.stopped.abort();
    await this.client?.end();
    await this.following;
  }

  private async follow(): Promise<void> {
    const { signal } = this.stopped;
    while (!signal.aborted) {
      if (this.client !== null) await ended(this.client, signal);
      this.client = null;
      await wait(PAUSE_MS, undefined, { signal, ref: false }).catch(() => undefined);
      if (!signal.aborted) await this.connect();
    }
  }

  private async connect(): Promise<void> {
    const client = new Client({
      connectionString: this.options.url,
      connectionTimeoutMillis: CONNECT_MS_MAX,
      query_timeout: CONNECT_MS_MAX,
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
    });
    // The end follows, and is heard of. Without a listener it would end the process.
    client.on('error', () => undefined);
    client.on('notification', this.options.onNotice);
    try {
      await client.connect();
      await client.query(`LISTEN ${client.escapeIdentifier(this.options.channel)}`);
      this.client = client;
      this.options.onNotice();
    } catch {
      // The server is away: it is tried again after the pause.
      void client.end().catch(() => undefined);
    }
  }
}

async function ended(client: Client, signal: AbortSignal): Promise<void> {
  try {
    await once(client, 'end', { signal });
  } catch {
    // Stopped.
  }
}
