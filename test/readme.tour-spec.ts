import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { freePort } from './support/free-port.js';
import { expectationPattern, readTour, runTour } from './support/tour.js';

const root = join(import.meta.dirname, '..');
const readme = readFileSync(join(root, 'README.md'), 'utf8');

describe('the README', () => {
  const home = mkdtempSync(join(tmpdir(), 'nest-clerk-tour-'));
  let service: ChildProcess | undefined;

  afterAll(async () => {
    await stop(service);
    rmSync(home, { recursive: true, force: true });
  });

  it('tells a tour that gives what it prints, from `npm start` in an empty environment', async () => {
    const [port, sandboxPort] = [await freePort(), await freePort()];
    const bare = { PATH: process.env['PATH'], HOME: home };
    const environment = {
      ...bare,
      PORT: String(port),
      SANDBOX_PORT: String(sandboxPort),
      EMBEDDED_DATABASE_DIR: join(home, 'database'),
    };
    service = spawn('npm', ['start'], {
      cwd: root,
      env: environment,
      stdio: ['ignore', 'ignore', 'inherit'],
      // A group of its own: npm does not pass a signal on through its shell.
      detached: true,
    });
    const startedAt = Date.now();
    await ready(`http://127.0.0.1:${port}/health/ready`, 120_000);
    process.stdout.write(`npm start answered /health/ready after ${Date.now() - startedAt} ms\n`);

    const steps = readTour(readme, 'Tour').map((step) => ({
      expected: onPorts(step.expected),
      command: onPorts(step.command),
    }));
    expect(steps.length).toBeGreaterThan(8);
    const printed = await runTour(steps, bare);
    for (const [index, step] of steps.entries()) {
      expect({ command: step.command, printed: printed[index] }).toEqual({
        command: step.command,
        printed: expect.stringMatching(expectationPattern(step.expected)),
      });
    }

    function onPorts(text: string): string {
      return text.replaceAll(':3000', `:${port}`).replaceAll(':4100', `:${sandboxPort}`);
    }
  }, 180_000);
});

async function ready(url: string, timeoutMs: number): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (Date.now() < deadline) {
    const answer = await fetch(url).catch(() => undefined);
    if (answer?.status === 200) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`${url} did not answer 200 within ${timeoutMs} ms.`);
}

async function stop(child: ChildProcess | undefined): Promise<void> {
  if (child?.pid === undefined || child.exitCode !== null) return;
  const exited = new Promise((resolve) => child.once('exit', resolve));
  process.kill(-child.pid, 'SIGTERM');
  await exited;
}
