import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';

// Part of the machine, if it is there: no dependency of this project. Its library brings a broker for tests, which keeps
// everything in memory, makes a topic of 4 partitions at its first use, and knows no transactions.
const BINARY = 'kcat';

/** Whether a broker can be started here. */
export const hasKafkaBroker = spawnSync(BINARY, ['-V']).status === 0;

if (!hasKafkaBroker && process.env['CI']) {
  throw new Error(`CI needs a Kafka broker: ${BINARY} is not installed (apt-get install kcat).`);
}
if (!hasKafkaBroker) {
  process.stderr.write(
    `${BINARY} is not installed (apt-get install kcat), so there is no broker: what goes through Kafka is not tested.\n`,
  );
}

/** Two brokers of one cluster, in a process of their own. */
export class KafkaBroker {
  private constructor(
    private readonly process: ChildProcess,
    /** `host:port` of each. */
    readonly addresses: readonly string[],
  ) {}

  static async start(): Promise<KafkaBroker> {
    const words = ['-b', 'none', '-X', 'test.mock.num.brokers=2', '-C', '-t', 'warm', '-d', 'mock', '-q'];
    const child = spawn(BINARY, words, { stdio: ['ignore', 'ignore', 'pipe'] });
    const addresses = await new Promise<readonly string[]>((resolve, reject) => {
      let output = '';
      let isFound = false;
      child.once('error', reject);
      child.once('exit', () => reject(new Error(`${BINARY} ended: ${output}`)));
      // Read to the end: what nobody reads would stop it.
      child.stderr.on('data', (chunk) => {
        if (isFound) return;
        output += String(chunk);
        const found = /bootstrap\.servers=(\S+)\n/.exec(output)?.[1];
        if (found === undefined) return;
        isFound = true;
        resolve(found.split(','));
      });
    });
    return new KafkaBroker(child, addresses);
  }

  get ports(): readonly number[] {
    return this.addresses.map((address) => Number(address.split(':')[1]));
  }

  /** Connections stay, and nothing is answered. */
  freeze(): void {
    this.process.kill('SIGSTOP');
  }

  thaw(): void {
    this.process.kill('SIGCONT');
  }

  /** At once and with everything in it, as a machine that fails. Idempotent. */
  async kill(): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const ended = once(this.process, 'exit');
    this.process.kill('SIGKILL');
    await ended;
  }
}
