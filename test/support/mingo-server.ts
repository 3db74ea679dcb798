import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';

import { BSON } from 'mongodb';

import { MingoCollection } from './mingo-collection.js';

type Command = Readonly<Record<string, unknown>>;

/** Of an OP_MSG: https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/#op_msg (read 2026-11-21) */
const OP_MSG = 2_013;
const BODY_AT = 21;

/** What the driver must hear to write again what it has lost, and to take this for all of a replica set. */
const PRIMARY = {
  isWritablePrimary: true,
  setName: 'mingo',
  setVersion: 1,
  logicalSessionTimeoutMinutes: 30,
  minWireVersion: 9,
  maxWireVersion: 25,
};

/**
 * One `MingoCollection` behind the words of a server, for the official driver with `serverApi: '1'`: it shows what the driver sends and
 * how it reads the answers. It keeps no time, and no other server has what was written.
 */
export class MingoServer {
  /** What was asked, but for the driver's own questions. */
  readonly commands: Command[] = [];
  readonly #collection = new MingoCollection();
  readonly #sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    private readonly host: string,
  ) {}

  static async start(): Promise<MingoServer> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    // A server that listens on a port has an address of this kind.
    const { port } = server.address() as AddressInfo;
    const mingo = new MingoServer(server, `127.0.0.1:${port}`);
    server.on('connection', (socket) => void mingo.#serve(socket));
    return mingo;
  }

  get url(): string {
    return `mongodb://${this.host}/?replicaSet=${PRIMARY.setName}`;
  }

  stop(): void {
    this.server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  async #serve(socket: Socket): Promise<void> {
    this.#sockets.add(socket);
    let unread = Buffer.alloc(0);
    try {
      for await (const chunk of socket) {
        unread = Buffer.concat([unread, chunk]);
        while (unread.length >= 4 && unread.length >= unread.readInt32LE()) {
          const message = unread.subarray(0, unread.readInt32LE());
          unread = unread.subarray(message.length);
          socket.write(replyTo(message, await this.#answer(BSON.deserialize(message.subarray(BODY_AT)))));
        }
      }
    } catch {
      // The driver has gone.
    }
    this.#sockets.delete(socket);
  }

  async #answer(command: Command): Promise<object> {
    if ('hello' in command) return { ...PRIMARY, hosts: [this.host], me: this.host, ok: 1 };
    if ('endSessions' in command) return { ok: 1 };
    this.commands.push(command);
    if ('findAndModify' in command) return this.#change(command);
    // The driver's words for these.
    const { filter, ...options } = command as { readonly filter: object; readonly limit?: number };
    const firstBatch = await this.#collection.find(filter, options).toArray();
    return { cursor: { id: BSON.Long.ZERO, ns: 'test.users', firstBatch }, ok: 1 };
  }

  async #change(command: Command): Promise<object> {
    const {
      query,
      update,
      upsert,
      new: isAfter,
    } = command as {
      readonly query: { readonly _id: string };
      readonly update: Record<string, unknown>[];
      readonly upsert: boolean;
      readonly new: boolean;
    };
    const returnDocument = isAfter ? 'after' : 'before';
    try {
      const value = await this.#collection.findOneAndUpdate(query, update, { upsert, returnDocument });
      return { value, ok: 1 };
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      return { ok: 0, errmsg: error.message, code: Reflect.get(error, 'code') };
    }
  }
}

function replyTo(message: Buffer, answer: object): Buffer {
  const body = BSON.serialize(answer);
  const head = Buffer.alloc(BODY_AT);
  for (const [index, word] of [BODY_AT + body.length, 1, message.readInt32LE(4), OP_MSG].entries())
    head.writeInt32LE(word, index * 4);
  return Buffer.concat([head, body]);
}
