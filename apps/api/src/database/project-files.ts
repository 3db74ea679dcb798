import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The project's folder: the nearest one above this file that holds the Prisma schema, as source and as built. */
export const projectDirectory = findUp(import.meta.dirname);

function findUp(directory: string): string {
  if (existsSync(join(directory, 'prisma', 'schema', 'schema.prisma'))) return directory;
  const parent = dirname(directory);
  if (parent === directory) {
    throw new Error('prisma/schema is missing: run from a complete checkout or image.');
  }
  return findUp(parent);
}
