import { TestEnvironment } from 'jest-environment-jsdom';

/** What browsers have and jsdom has not, or has in a form that Node's `fetch` refuses. */
const NAMES = [
  'AbortController',
  'AbortSignal',
  'Headers',
  'ReadableStream',
  'Response',
  'TextDecoder',
  'TextEncoder',
  'Uint8Array',
  'fetch',
  'setImmediate',
];

export default class BrowserEnvironment extends TestEnvironment {
  async setup() {
    await super.setup();
    for (const name of NAMES) this.global[name] = globalThis[name];
  }
}
