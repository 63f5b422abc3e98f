-- A move takes a few buckets at once from one shard to another. The table before this one was never written to.
-- Token fences a holder that was thought dead: it rises with every change of holder, over all moves.

DROP TABLE move;

CREATE TABLE move (
  id BIGINT NOT NULL PRIMARY KEY,
  operation TEXT NOT NULL,
  source BIGINT NOT NULL,
  target BIGINT NOT NULL,
  -- JSON: [[bucket, the epoch in which the source owns it], …]
  buckets TEXT NOT NULL,
  -- 1 where the target's old rows are the base and only the source's log is applied.
  on_base BIGINT NOT NULL,
  step TEXT NOT NULL,
  paused BIGINT NOT NULL,
  holder TEXT NOT NULL,
  token BIGINT NOT NULL,
  lease_until BIGINT NOT NULL,
  attempts BIGINT NOT NULL,
  rows_total BIGINT NOT NULL,
  rows_copied BIGINT NOT NULL,
  pause_us BIGINT NOT NULL,
  error TEXT NOT NULL,
  started_at BIGINT NOT NULL,
  changed_at BIGINT NOT NULL
) KEYED;

CREATE INDEX move_by_step ON move (step);
