import { rename, rm } from 'node:fs/promises';

import { connectForMigrations } from './database-connection.js';
import { templateDirectory } from './database-template.js';
import { applyMigrations } from './migrations.js';

// Part of the build.
const unfinished = `${templateDirectory}.new`;
await rm(templateDirectory, { recursive: true, force: true });
await rm(unfinished, { recursive: true, force: true });
const { adapter, close } = await connectForMigrations({ kind: 'embedded', directory: unfinished });
await applyMigrations(adapter);
await close();
await rename(unfinished, templateDirectory);
