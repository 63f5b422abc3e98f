-- The finished pictures of a user that has a bucket of its own may be read from copies, split over more private buckets.

CREATE TABLE partition (
  user_id BIGINT NOT NULL,
  -- Its place among the user's partitions, from 0: a picture's id says in which one it is.
  number BIGINT NOT NULL,
  bucket BIGINT NOT NULL UNIQUE,
  -- 1 once they are read from; before, they are filled.
  shown BIGINT NOT NULL,
  PRIMARY KEY (user_id, number)
) KEYED;
