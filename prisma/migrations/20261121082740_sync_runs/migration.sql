-- CreateTable
CREATE TABLE "clerk_sync_runs" (
    "id" UUID NOT NULL DEFAULT gen_random_uuid(),
    "registration" TEXT NOT NULL,
    "instance_id" TEXT NOT NULL,
    "reached_ms" BIGINT,
    "reached_seen" INTEGER NOT NULL DEFAULT 0,
    "revision" INTEGER NOT NULL DEFAULT 0,
    "users_seen" INTEGER NOT NULL DEFAULT 0,
    "users_created" INTEGER NOT NULL DEFAULT 0,
    "users_updated" INTEGER NOT NULL DEFAULT 0,
    "started_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "moved_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "finished_at" TIMESTAMPTZ(3),

    CONSTRAINT "clerk_sync_runs_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "clerk_sync_runs_registration_started_at_idx" ON "clerk_sync_runs"("registration", "started_at");
