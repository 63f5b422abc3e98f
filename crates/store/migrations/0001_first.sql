-- The shard's tables, in PostgreSQL's words; an engine replaces BIGINT, BYTEA, KEYED and PLAIN by its own.
-- KEYED: rows lie in the order of the key. PLAIN: rows may be long and lie apart from it.
-- No foreign keys: a bucket is copied table by table while it is written, so a child may arrive before its parent.
-- Times are milliseconds since 1970-01-01 UTC.

CREATE TABLE bucket_owner (
  bucket BIGINT NOT NULL PRIMARY KEY,
  epoch BIGINT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('owned', 'logging', 'fenced', 'importing', 'gone')),
  mover TEXT
) KEYED;

CREATE TABLE users (
  bucket BIGINT NOT NULL,
  id BIGINT NOT NULL CHECK (id > 0),
  version BIGINT NOT NULL,
  session_epoch BIGINT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('live', 'void', 'deleted')),
  role TEXT NOT NULL CHECK (role IN ('user', 'admin')),
  email TEXT NOT NULL,
  email_normal TEXT NOT NULL,
  first_name TEXT NOT NULL,
  last_name TEXT NOT NULL,
  address TEXT,
  phone_numbers TEXT NOT NULL,
  picture_version BIGINT NOT NULL,
  picture_image TEXT,
  picture_variant TEXT,
  picture_key TEXT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (bucket, id)
) KEYED;

-- The administrators' list goes over all buckets in the order of ids.
CREATE INDEX users_by_id ON users (id) WHERE state = 'live';

CREATE TABLE credentials (
  bucket BIGINT NOT NULL,
  user_id BIGINT NOT NULL,
  phc TEXT NOT NULL,
  changed_at BIGINT NOT NULL,
  PRIMARY KEY (bucket, user_id)
) KEYED;

CREATE TABLE email_claims (
  bucket BIGINT NOT NULL,
  email TEXT NOT NULL,
  user_id BIGINT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('reserved', 'confirmed')),
  operation TEXT NOT NULL,
  deadline BIGINT NOT NULL,
  PRIMARY KEY (bucket, email)
) KEYED;

CREATE INDEX email_claims_overdue ON email_claims (deadline) WHERE state = 'reserved';

CREATE TABLE sessions (
  bucket BIGINT NOT NULL,
  user_id BIGINT NOT NULL,
  id BYTEA NOT NULL,
  session_epoch BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  last_seen_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  ip TEXT NOT NULL,
  user_agent TEXT NOT NULL,
  revoked_at BIGINT,
  PRIMARY KEY (bucket, user_id, id)
) KEYED;

CREATE INDEX sessions_expired ON sessions (expires_at);

CREATE TABLE images (
  bucket BIGINT NOT NULL,
  user_id BIGINT NOT NULL,
  id TEXT NOT NULL,
  version BIGINT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('queued', 'running', 'done', 'failed')),
  attempts BIGINT NOT NULL,
  request TEXT NOT NULL,
  source_key TEXT NOT NULL,
  source_width BIGINT NOT NULL,
  source_height BIGINT NOT NULL,
  source_bytes BIGINT NOT NULL,
  source_format TEXT NOT NULL,
  variants TEXT NOT NULL,
  error_code TEXT,
  error_detail TEXT,
  created_at BIGINT NOT NULL,
  finished_at BIGINT,
  PRIMARY KEY (bucket, user_id, id)
) PLAIN;

-- How many jobs of a user are not over: few rows among many.
CREATE INDEX images_open ON images (bucket, user_id) WHERE finished_at IS NULL;

-- The sweeper knows an object by its image's id alone.
CREATE INDEX images_by_id ON images (id);

CREATE TABLE outbox (
  bucket BIGINT NOT NULL,
  id BYTEA NOT NULL,
  kind TEXT NOT NULL,
  payload BYTEA NOT NULL,
  attempts BIGINT NOT NULL,
  not_before BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (bucket, id)
) KEYED;

-- Jobs and other messages are told in lanes of their own.
CREATE INDEX outbox_due ON outbox (kind, not_before);

CREATE TABLE inbox (
  bucket BIGINT NOT NULL,
  id TEXT NOT NULL,
  consumed_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  PRIMARY KEY (bucket, id)
) KEYED;

CREATE INDEX inbox_expired ON inbox (expires_at);

CREATE TABLE idempotency (
  bucket BIGINT NOT NULL,
  scope TEXT NOT NULL,
  key_hash BYTEA NOT NULL,
  request_hash BYTEA NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('started', 'done')),
  operation TEXT NOT NULL,
  subject TEXT NOT NULL,
  deadline BIGINT NOT NULL,
  code TEXT,
  answer BYTEA,
  expires_at BIGINT NOT NULL,
  PRIMARY KEY (bucket, scope, key_hash)
) PLAIN;

CREATE INDEX idempotency_expired ON idempotency (expires_at);

CREATE TABLE change_log (
  bucket BIGINT NOT NULL,
  id BYTEA NOT NULL,
  table_name TEXT NOT NULL,
  row_key BYTEA NOT NULL,
  PRIMARY KEY (bucket, id)
) KEYED;
