import { Injectable, type OnApplicationShutdown } from '@nestjs/common';

import { PrismaClient } from '../../../../prisma/generated/client.js';
import {
  connect,
  connectForMigrations,
  type DatabaseConnection,
  type DatabaseOptions,
} from './database-connection.js';
import { applyMigrations, migrationStatus } from './migrations.js';
import { requireRowAccess } from './row-access.js';

/** The database of this process. Closed last: requests and webhooks in hand may still need it. */
@Injectable()
export class PrismaService extends PrismaClient implements OnApplicationShutdown {
  private constructor(private readonly connection: DatabaseConnection) {
    super({ adapter: connection.adapter });
  }

  /**
   * Opens the database. An embedded one is migrated first; a server is not: it must be up to date.
   *
   * @throws Error that says what to run, when a server's schema is behind or its migrations failed, or its role lacks rights
   * @throws DirectoryLockedError when another process has the embedded database
   */
  static async open(options: DatabaseOptions): Promise<PrismaService> {
    if (options.kind === 'postgres') await requireMigrated(options);
    const connection = await connect(options);
    try {
      if (options.kind === 'embedded') await applyMigrations(connection.adapter);
      const prisma = new PrismaService(connection);
      if (options.kind === 'postgres') await requireRowAccess(prisma);
      return prisma;
    } catch (error) {
      await connection.close();
      throw error;
    }
  }

  async onApplicationShutdown(): Promise<void> {
    await this.$disconnect();
    await this.connection.close();
  }
}

async function requireMigrated(options: DatabaseOptions): Promise<void> {
  const connection = await connectForMigrations(options);
  try {
    const { unapplied, failed } = await migrationStatus(connection.adapter);
    if (failed.length > 0) {
      throw new Error(
        `Migration ${failed.join(', ')} failed half-way. Look at it, then run: npm run db:migrate`,
      );
    }
    if (unapplied.length > 0) {
      throw new Error(`The database is behind by ${unapplied.join(', ')}. Run: npm run db:migrate`);
    }
  } finally {
    await connection.close();
  }
}
