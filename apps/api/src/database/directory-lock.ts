import { link, mkdir, readFile, rm, rmdir, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

/** Thrown when another process that is alive holds the lock. */
export class DirectoryLockedError extends Error {
  override readonly name = 'DirectoryLockedError';

  constructor(directory: string, pid: number) {
    super(
      `The embedded database in ${directory} is in use by process ${pid}: two processes would lose each other's rows. ` +
        'Stop that process, or set EMBEDDED_DATABASE_DIR to another directory, or DATABASE_URL to a PostgreSQL.',
    );
  }
}

const TAKEOVER_TRIES = 100;
const TAKEOVER_PAUSE_MS = 50;
/** A takeover takes milliseconds: one that is older was cut off. */
const TAKEOVER_MS_MAX = 5_000;

/**
 * Holds `directory` for this process, by a file beside it that names the process. A lock whose process is gone is taken over.
 * Processes must share their process ids and file system: two containers on one volume are not kept apart.
 *
 * @returns gives the lock back
 * @throws DirectoryLockedError
 */
export async function lockDirectory(directory: string): Promise<() => Promise<void>> {
  const file = `${directory}.lock`;
  await mkdir(dirname(file), { recursive: true });
  for (let tries = 0; tries < TAKEOVER_TRIES; tries += 1) {
    if (await createLock(file)) return () => rm(file, { force: true });
    const holder = await holderOf(file);
    if (holder !== null) throw new DirectoryLockedError(directory, holder);
    if (!(await removeStale(file))) await wait(TAKEOVER_PAUSE_MS);
  }
  throw new DirectoryLockedError(directory, (await holderOf(file)) ?? 0);
}

/** Written first and linked then: nobody ever sees a lock that names no process. */
async function createLock(file: string): Promise<boolean> {
  const own = `${file}.${process.pid}`;
  await writeFile(own, String(process.pid));
  try {
    await link(own, file);
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    throw error;
  } finally {
    await rm(own, { force: true });
  }
}

/** One process at a time, and only after it has looked again: a lock that was made meanwhile must not be removed. */
async function removeStale(file: string): Promise<boolean> {
  const takeover = `${file}.takeover`;
  try {
    await mkdir(takeover);
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
    const age = Date.now() - (await stat(takeover).catch(() => ({ mtimeMs: Date.now() }))).mtimeMs;
    if (age > TAKEOVER_MS_MAX) await rmdir(takeover).catch(() => undefined);
    return false;
  }
  try {
    if ((await holderOf(file)) === null) await rm(file, { force: true });
    return true;
  } finally {
    await rmdir(takeover);
  }
}

/** The process that holds the lock, if it is alive. In a container a new process may have the number of the old one: ours. */
async function holderOf(file: string): Promise<number | null> {
  const pid = Number(await readFile(file, 'utf8').catch(() => ''));
  if (!Number.isInteger(pid) || pid <= 0) return null;
  return pid !== process.pid && isAlive(pid) ? pid : null;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it is there, and somebody else's.
    return hasCode(error, 'EPERM');
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
