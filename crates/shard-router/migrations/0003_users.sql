-- A move may also be about one user, who gets a bucket of its own on the shard, or goes back to the bucket that its id says.

-- buckets, isolate or return.
ALTER TABLE move ADD COLUMN work TEXT NOT NULL DEFAULT 'buckets';
-- The user; 0 where it is about whole buckets.
ALTER TABLE move ADD COLUMN user_id BIGINT NOT NULL DEFAULT 0;
-- The bucket of its own that the user gets; 0 where it gets none.
ALTER TABLE move ADD COLUMN own BIGINT NOT NULL DEFAULT 0;
