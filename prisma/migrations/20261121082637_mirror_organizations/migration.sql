-- CreateTable
CREATE TABLE "organizations" (
    "clerk_id" TEXT NOT NULL,
    "name" TEXT,
    "slug" TEXT,
    "image_url" TEXT,
    "metadata" JSONB NOT NULL DEFAULT '{}',
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,
    "source_updated_at_ms" BIGINT NOT NULL,
    "source_timestamp_ms" BIGINT NOT NULL,
    "source_delivery_id" TEXT NOT NULL,
    "revision" INTEGER NOT NULL DEFAULT 0,
    "needs_refetch" BOOLEAN NOT NULL DEFAULT false,
    "deleted_at" TIMESTAMPTZ(3),

    CONSTRAINT "organizations_pkey" PRIMARY KEY ("clerk_id")
);

-- CreateTable
CREATE TABLE "organization_memberships" (
    "clerk_id" TEXT NOT NULL,
    "organization_id" TEXT,
    "user_id" TEXT,
    "role" TEXT,
    "permissions" JSONB NOT NULL DEFAULT '[]',
    "metadata" JSONB NOT NULL DEFAULT '{}',
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,
    "source_updated_at_ms" BIGINT NOT NULL,
    "source_timestamp_ms" BIGINT NOT NULL,
    "source_delivery_id" TEXT NOT NULL,
    "revision" INTEGER NOT NULL DEFAULT 0,
    "needs_refetch" BOOLEAN NOT NULL DEFAULT false,
    "deleted_at" TIMESTAMPTZ(3),

    CONSTRAINT "organization_memberships_pkey" PRIMARY KEY ("clerk_id")
);

-- CreateTable
CREATE TABLE "subscriptions" (
    "clerk_id" TEXT NOT NULL,
    "owner_id" TEXT,
    "plan_slug" TEXT,
    "status" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,
    "source_updated_at_ms" BIGINT NOT NULL,
    "source_timestamp_ms" BIGINT NOT NULL,
    "source_delivery_id" TEXT NOT NULL,
    "revision" INTEGER NOT NULL DEFAULT 0,
    "needs_refetch" BOOLEAN NOT NULL DEFAULT false,
    "deleted_at" TIMESTAMPTZ(3),

    CONSTRAINT "subscriptions_pkey" PRIMARY KEY ("clerk_id")
);

-- CreateIndex
CREATE INDEX "organizations_slug_idx" ON "organizations"("slug");

-- CreateIndex
CREATE INDEX "organization_memberships_organization_id_idx" ON "organization_memberships"("organization_id");

-- CreateIndex
CREATE INDEX "organization_memberships_user_id_idx" ON "organization_memberships"("user_id");

-- CreateIndex
CREATE INDEX "subscriptions_owner_id_idx" ON "subscriptions"("owner_id");
