import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { chown, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

import { Client } from 'pg';

import { freePort } from './free-port.js';

// Debian keeps these off the path, by major version. Part of the machine, if they are there: no dependency of this project.
const DEBIAN_HOME = '/usr/lib/postgresql';
const COMMAND_SECONDS_MAX = 30;

const programs = findPrograms();
const owner = findOwner();

/** Whether private servers can be started here. */
export const hasPostgresServer = programs !== null && owner !== null;

if (!hasPostgresServer) {
  process.stderr.write(
    'No PostgreSQL server of its own can be started (no initdb and pg_ctl, or root without a user "postgres"): tests that stop one are skipped.\n',
  );
}

/** A PostgreSQL server of the test's own, which it may stop at any moment without hitting anybody else. */
export class PostgresServer {
  private constructor(
    private readonly directory: string,
    readonly port: number,
  ) {}

  /** A new cluster, started. */
  static async start(): Promise<PostgresServer> {
    const directory = await mkdtemp(join(tmpdir(), 'nest-clerk-postgres-'));
    if (owner !== null && owner !== 'self') await chown(directory, owner.uid, owner.gid);
    const server = new PostgresServer(directory, await freePort());
    await run('initdb', ['-D', server.data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-locale']);
    await server.start();
    return server;
  }

  /** Again, on the same port and with everything that was committed. */
  async start(): Promise<void> {
    const settings = `-p ${this.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c max_connections=100`;
    const words = ['-D', this.data, '-l', this.log, '-o', settings];
    try {
      await run('pg_ctl', [...words, '-w', '-t', String(COMMAND_SECONDS_MAX), 'start']);
    } catch (error) {
      throw new Error(`The server did not start: ${await readFile(this.log, 'utf8').catch(() => '')}`, {
        cause: error,
      });
    }
  }

  /** Without a checkpoint and without a word to those connected, as a server that crashes. */
  async stopImmediately(): Promise<void> {
    await run('pg_ctl', ['-D', this.data, '-m', 'immediate', '-w', 'stop']);
  }

  /** Stops it, if it runs, and removes it. */
  async remove(): Promise<void> {
    if (existsSync(join(this.data, 'postmaster.pid'))) await this.stopImmediately();
    await rm(this.directory, { recursive: true, force: true });
  }

  urlOf(database: string): string {
    return `postgresql://postgres@127.0.0.1:${this.port}/${database}`;
  }

  async createDatabase(name: string): Promise<string> {
    const client = new Client({ connectionString: this.urlOf('postgres') });
    await client.connect();
    await client.query(`CREATE DATABASE ${client.escapeIdentifier(name)}`);
    await client.end();
    return this.urlOf(name);
  }

  private get data(): string {
    return join(this.directory, 'data');
  }

  private get log(): string {
    return join(this.directory, 'log');
  }
}

/** Of the newest version, else of those on the path. */
function findPrograms(): string | null {
  const versions = existsSync(DEBIAN_HOME) ? readdirSync(DEBIAN_HOME) : [];
  const newestFirst = versions.toSorted((a, b) => Number(b) - Number(a));
  const folders = [
    ...newestFirst.map((version) => join(DEBIAN_HOME, version, 'bin')),
    ...(process.env['PATH'] ?? '').split(delimiter),
  ];
  return (
    folders.find((folder) => ['initdb', 'pg_ctl'].every((name) => existsSync(join(folder, name)))) ?? null
  );
}

/** PostgreSQL refuses to run as root: then it runs as the user whom its package makes. */
function findOwner(): { readonly uid: number; readonly gid: number } | 'self' | null {
  if (process.getuid?.() !== 0) return 'self';
  const [uid, gid] = ['-u', '-g'].map((flag) => spawnSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
  if (uid?.status !== 0 || gid?.status !== 0) return null;
  return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
}

/** Its output goes nowhere: the server inherits it, so that a pipe would stay open for as long as the server runs. */
async function run(program: string, words: readonly string[]): Promise<void> {
  const child = spawn(join(programs ?? '', program), words, {
    ...(owner === 'self' ? {} : owner),
    cwd: tmpdir(),
    stdio: 'ignore',
  });
  const code = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', resolve);
  });
  if (code !== 0) throw new Error(`${program} ended with ${String(code)}.`);
}
