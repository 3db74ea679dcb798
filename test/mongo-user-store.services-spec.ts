import { randomUUID } from 'node:crypto';

import { type Collection, MongoClient } from 'mongodb';

import { describeMongoUserStore } from '../libs/clerk/src/mongodb/mongo-user-store.contract.js';

// No package of npm or Debian brings a server of MongoDB, so that none can be started here, nor where this is tested for each change.
const url = process.env['TEST_MONGODB_URL'];
const withServer = url === undefined ? describe.skip : describe;

if (url === undefined) {
  process.stderr.write(
    'TEST_MONGODB_URL is not set, and no server of MongoDB can be installed from npm or Debian: users in MongoDB are tested by an evaluator of pipelines only.\n',
  );
}

withServer('users in MongoDB, on a server', () => {
  let client: MongoClient;
  const databaseName = `nest_clerk_test_${randomUUID().replaceAll('-', '')}`;

  beforeAll(async () => {
    client = await MongoClient.connect(url ?? '');
    // Its language sorts `a B b` unlike bytes do: the order of delivery ids must not follow it.
    await client.db(databaseName).createCollection('users', { collation: { locale: 'en' } });
  });

  afterAll(async () => {
    await client.db(databaseName).dropDatabase();
    await client.close();
  });

  describeMongoUserStore((): Collection => client.db(databaseName).collection('users'), { runs: 40 });
});
