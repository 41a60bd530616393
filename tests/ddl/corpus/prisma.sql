CREATE TABLE "_prisma_migrations" ("id" VARCHAR(36) PRIMARY KEY NOT NULL, "checksum" VARCHAR(64) NOT NULL, "finished_at" TIMESTAMPTZ, "migration_name" VARCHAR(255) NOT NULL, "logs" TEXT, "started_at" TIMESTAMPTZ NOT NULL DEFAULT now(), "applied_steps_count" INTEGER NOT NULL DEFAULT 0)
SELECT pg_advisory_lock(72707369); INSERT INTO "_prisma_migrations" ("id", "checksum", "migration_name") VALUES ('1', 'c', '0_init')
SELECT 1; -- CreateEnum
 CREATE TYPE "Role" AS ENUM ('USER', 'ADMIN');
 -- CreateTable
 CREATE TABLE "User" (
     "id" SERIAL NOT NULL,
     "email" TEXT NOT NULL, -- unique; see below
     "role" "Role" NOT NULL DEFAULT 'USER',
     "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
     CONSTRAINT "User_pkey" PRIMARY KEY ("id")
 );
 -- CreateTable
 CREATE TABLE "Post" ("id" TEXT NOT NULL, "title" TEXT, "authorId" INTEGER NOT NULL, CONSTRAINT "Post_pkey" PRIMARY KEY ("id"));
 -- CreateIndex
 CREATE UNIQUE INDEX "User_email_key" ON "User"("email");
 -- AddForeignKey
 ALTER TABLE "Post" ADD CONSTRAINT "Post_authorId_fkey" FOREIGN KEY ("authorId") REFERENCES "User"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
INSERT INTO "User" ("email") SELECT g || '@example.com' FROM generate_series(1, 15) AS g; INSERT INTO "Post" SELECT 'p' || g, 't', g FROM generate_series(1, 15) AS g
SELECT 1; /*
   Warnings:
   - You are about to drop the column `title` on the `Post` table. All the data in the column will be lost; really.
 */
 -- AlterTable
 ALTER TABLE "Post" DROP COLUMN "title",
 ADD COLUMN     "slug" TEXT,
 ADD COLUMN     "views" INTEGER NOT NULL DEFAULT 0;
BEGIN; CREATE TYPE "Role_new" AS ENUM ('USER', 'EDITOR', 'ADMIN'); ALTER TABLE "User" ALTER COLUMN "role" DROP DEFAULT; ALTER TABLE "User" ALTER COLUMN "role" TYPE "Role_new" USING ("role"::text::"Role_new"); ALTER TYPE "Role" RENAME TO "Role_old"; ALTER TYPE "Role_new" RENAME TO "Role"; DROP TYPE "Role_old"; ALTER TABLE "User" ALTER COLUMN "role" SET DEFAULT 'USER'; COMMIT
UPDATE "User" SET "role" = 'EDITOR' WHERE "id" = 2
ALTER TABLE "Post" DROP CONSTRAINT "Post_authorId_fkey"; ALTER TABLE "Post" DROP CONSTRAINT "Post_pkey", ALTER COLUMN "slug" SET DEFAULT 'none', ADD CONSTRAINT "Post_pkey" PRIMARY KEY ("id"); ALTER TABLE "Post" RENAME CONSTRAINT "Post_pkey" TO "Post_id_pkey"
ALTER TABLE "Post" ADD CONSTRAINT "Post_authorId_fkey" FOREIGN KEY ("authorId") REFERENCES "User"("id") ON DELETE CASCADE ON UPDATE CASCADE; DELETE FROM "User" WHERE "id" = 5
CREATE TABLE "_PostToTag" ("A" TEXT NOT NULL, "B" INTEGER NOT NULL); CREATE UNIQUE INDEX "_PostToTag_AB_unique" ON "_PostToTag"("A", "B"); CREATE INDEX "_PostToTag_B_index" ON "_PostToTag"("B"); INSERT INTO "_PostToTag" VALUES ('p1', 1)
ALTER TABLE "_PostToTag" ADD CONSTRAINT "_PostToTag_AB_pkey" PRIMARY KEY ("A", "B"); DROP INDEX "_PostToTag_AB_unique"; UPDATE "_PostToTag" SET "B" = 3
ALTER INDEX "User_email_key" RENAME TO "User_email_unique"; UPDATE "User" SET "email" = 'new' || "id" WHERE "id" > 10
