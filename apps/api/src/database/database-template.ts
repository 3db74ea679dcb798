import { existsSync } from 'node:fs';
import { cp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { projectDirectory } from './project-files.js';

/** A migrated database with nothing in it, made by the build: a copy takes half a second, a new one three. */
export const templateDirectory = join(projectDirectory, 'dist', 'database-template');

/** Puts a copy of the template where there is no database yet: whole or not at all. Without a template it does nothing. */
export async function copyTemplate(directory: string): Promise<void> {
  if (existsSync(directory) || !existsSync(templateDirectory)) return;
  const unfinished = `${directory}.copy`;
  await rm(unfinished, { recursive: true, force: true });
  await cp(templateDirectory, unfinished, { recursive: true });
  await rename(unfinished, directory);
}
