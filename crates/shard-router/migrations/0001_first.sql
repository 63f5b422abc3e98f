-- The catalog's tables, in PostgreSQL's words; an engine replaces BIGINT and KEYED by its own. KEYED: rows lie in the order of the key.
-- Times are milliseconds since 1970-01-01 UTC. The cluster's id is the one in meta, which every database has.

-- One row: the version that every change compares and sets.
CREATE TABLE topology (
  id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
  version BIGINT NOT NULL CHECK (version > 0)
) KEYED;

-- Location and replicas are files or references to secrets, never secrets. Adopted is 1 once the shard's database has its
-- first owner rows; from then on an empty one is refused.
CREATE TABLE shard (
  id BIGINT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  engine TEXT NOT NULL CHECK (engine IN ('sqlite', 'postgres')),
  location TEXT NOT NULL,
  replicas TEXT NOT NULL,
  weight BIGINT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('active', 'draining', 'removed')),
  role_epoch BIGINT NOT NULL,
  adopted BIGINT NOT NULL DEFAULT 0
) KEYED;

-- Epoch 0 is a private bucket that ended; its number is not used again.
CREATE TABLE bucket (
  bucket BIGINT NOT NULL PRIMARY KEY,
  shard BIGINT NOT NULL,
  epoch BIGINT NOT NULL
) KEYED;

CREATE TABLE pin (
  user_id BIGINT NOT NULL PRIMARY KEY,
  bucket BIGINT NOT NULL UNIQUE
) KEYED;

-- Token fences a holder that was thought dead: it rises with every change of holder.
CREATE TABLE move (
  id BIGINT NOT NULL PRIMARY KEY,
  bucket BIGINT NOT NULL,
  source BIGINT NOT NULL,
  target BIGINT NOT NULL,
  step TEXT NOT NULL,
  epoch BIGINT NOT NULL,
  holder TEXT NOT NULL,
  token BIGINT NOT NULL,
  lease_until BIGINT NOT NULL,
  position TEXT NOT NULL,
  rows_copied BIGINT NOT NULL,
  rows_total BIGINT NOT NULL,
  error TEXT NOT NULL,
  started_at BIGINT NOT NULL,
  changed_at BIGINT NOT NULL
) KEYED;

-- One row: every user id below next is given out.
CREATE TABLE id_block (
  id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
  next BIGINT NOT NULL CHECK (next > 0)
) KEYED;
