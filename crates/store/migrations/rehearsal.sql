-- A step that no release has: the feature `rehearsal` builds it in, for drills of an upgrade. It expands and takes nothing away, so
-- programs of version 1 go on working.
CREATE INDEX sessions_rehearsal ON sessions (bucket, user_id, created_at);
