import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A file system of its own in memory, of some megabytes, which fills up as any other does. Linux, and root who may mount. */
export class TinyDisk {
  private constructor(readonly path: string) {}

  /** Owned by `userName`. Null where none can be mounted, with the reason on stderr. */
  static mount(mebibytes: number, userName: string): TinyDisk | null {
    const path = mkdtempSync(join(tmpdir(), 'nest-clerk-disk-'));
    const options = `size=${mebibytes}m,mode=0700,uid=${idOf(userName, '-u')},gid=${idOf(userName, '-g')}`;
    const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', path]);
    if (status === 0) return new TinyDisk(path);
    rmSync(path, { recursive: true });
    process.stderr.write(
      'No small disk can be mounted here (root may on most Linux machines): no test fills one.\n',
    );
    return null;
  }

  unmount(): void {
    spawnSync('umount', [this.path]);
    rmSync(this.path, { recursive: true });
  }
}

function idOf(userName: string, flag: '-u' | '-g'): string {
  return spawnSync('id', [flag, userName], { encoding: 'utf8' }).stdout?.trim() ?? '';
}
