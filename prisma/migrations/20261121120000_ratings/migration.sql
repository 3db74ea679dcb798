-- CreateTable
CREATE TABLE "ratings" (
    "id" UUID NOT NULL DEFAULT gen_random_uuid(),
    "errand_id" TEXT NOT NULL,
    "role" TEXT NOT NULL,
    "rater_clerk_id" TEXT NOT NULL,
    "rated_clerk_id" TEXT NOT NULL,
    "stars" INTEGER NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "ratings_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "ratings_errand_id_check" CHECK ("errand_id" ~ '^[A-Za-z0-9_-]{1,64}$'),
    CONSTRAINT "ratings_role_check" CHECK ("role" IN ('customer', 'runner')),
    CONSTRAINT "ratings_stars_check" CHECK ("stars" BETWEEN 1 AND 5),
    CONSTRAINT "ratings_not_oneself_check" CHECK ("rater_clerk_id" <> "rated_clerk_id")
);

-- CreateIndex
CREATE INDEX "ratings_rater_clerk_id_created_at_id_idx" ON "ratings"("rater_clerk_id", "created_at", "id");

-- CreateIndex
CREATE INDEX "ratings_rated_clerk_id_role_idx" ON "ratings"("rated_clerk_id", "role");

-- CreateIndex
CREATE UNIQUE INDEX "ratings_rater_clerk_id_role_errand_id_key" ON "ratings"("rater_clerk_id", "role", "errand_id");
