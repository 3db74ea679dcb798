-- Handlers have heard of what was there before: 0 for those rows only, and without writing them.
ALTER TABLE "organization_memberships" ADD COLUMN "announced_revision" INTEGER DEFAULT 0;
ALTER TABLE "organization_memberships" ALTER COLUMN "announced_revision" DROP DEFAULT;
ALTER TABLE "organizations" ADD COLUMN "announced_revision" INTEGER DEFAULT 0;
ALTER TABLE "organizations" ALTER COLUMN "announced_revision" DROP DEFAULT;
ALTER TABLE "subscriptions" ADD COLUMN "announced_revision" INTEGER DEFAULT 0;
ALTER TABLE "subscriptions" ALTER COLUMN "announced_revision" DROP DEFAULT;
ALTER TABLE "users" ADD COLUMN "announced_revision" INTEGER DEFAULT 0;
ALTER TABLE "users" ALTER COLUMN "announced_revision" DROP DEFAULT;
