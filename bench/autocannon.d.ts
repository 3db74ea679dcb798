/** The part of autocannon 8 that is used here; the package has no types. */
declare module 'autocannon' {
  import type { EventEmitter } from 'node:events';

  function autocannon(options: autocannon.Options): autocannon.Run;

  namespace autocannon {
    interface Options {
      readonly url: string;
      readonly connections: number;
      /** Seconds. */
      readonly duration: number;
      /** How often it looks whether time is up, milliseconds. */
      readonly sampleInt: number;
      readonly setupClient: (client: Client) => void;
    }

    /** Emits `response` for each answer on this connection. */
    interface Client extends EventEmitter {
      setRequests(requests: readonly { readonly headers: Record<string, string> }[]): void;
    }

    interface Result {
      readonly '2xx': number;
      readonly non2xx: number;
      readonly errors: number;
      readonly timeouts: number;
    }

    /** Emits `response` for each answer. */
    interface Run extends EventEmitter, PromiseLike<Result> {}
  }

  export = autocannon;
}
