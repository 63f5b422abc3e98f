//! What PostgreSQL says otherwise than the migrations.

use store::{Dialect, transfer::Digest};

/// PostgreSQL's words. Text is ordered by its bytes: as in SQLite, so that the pages of a move come in one order on both sides, and
/// not by the system's locale, whose changes make indexes wrong.
pub static POSTGRES: Dialect = Dialect {
    words: &[("TEXT", "TEXT COLLATE \"C\""), ("KEYED", ""), ("PLAIN", "")],
    tables: "SELECT c.relname::text FROM pg_class c \
             WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') ORDER BY c.relname",
    columns: "SELECT c.relname::text, a.attname::text, \
              format_type(a.atttypid, a.atttypmod) || CASE WHEN co.collname = 'C' THEN ' COLLATE \"C\"' ELSE '' END, \
              a.attnotnull::int, \
              coalesce((SELECT k.place FROM pg_index i, unnest(i.indkey) WITH ORDINALITY AS k (number, place) \
              WHERE i.indrelid = c.oid AND i.indisprimary AND k.number = a.attnum), 0) \
              FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid LEFT JOIN pg_collation co ON co.oid = a.attcollation \
              WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') \
              AND a.attnum > 0 AND NOT a.attisdropped ORDER BY c.relname, a.attnum",
    size: "SELECT pg_database_size(current_database())",
    calls: Some("SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()"),
    digest: Some(&DIGEST),
    may_migrate: Some("SELECT has_schema_privilege(current_schema(), 'CREATE')::int"),
    grants: Some(
        "SELECT r.rolname::text, ''::text, ''::text FROM pg_roles r WHERE r.rolname LIKE 'myriad\\_%' \
         UNION ALL SELECT r.rolname::text, c.relname::text, a.privilege_type::text \
         FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) a JOIN pg_roles r ON r.oid = a.grantee \
         WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') \
         AND r.rolname LIKE 'myriad\\_%' AND a.grantee <> c.relowner",
    ),
};

/// Rows have a key, so no two are equal and the order of an exclusive or does not matter. The hash may be another one on a server of another
/// version: rows are compared one by one then.
static DIGEST: Digest = Digest::new("bit_xor(hash_record_extended(ROW({row}), 0))");

/// Begins a transaction in which a statement sees what was committed before it, whatever the server's defaults are.
pub const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";

/// Locks of buckets: a key space of two numbers, apart from that of users, which is of one.
const BUCKETS: i32 = 0x4D59_4201;
/// The lock of the schema.
const SCHEMA: i32 = 0x4D59_4202;

/// The statements that take locks, in one text. Numbers only, so nothing is to be escaped.
pub fn locks(locks: &[store::Lock]) -> String {
    locks.iter().map(|lock| one(*lock)).collect::<Vec<_>>().join("; ")
}

fn one(lock: store::Lock) -> String {
    match lock {
        store::Lock::Shared(bucket) => format!("SELECT pg_advisory_xact_lock_shared({BUCKETS}, {})", bucket.0),
        store::Lock::Exclusive(bucket) => format!("SELECT pg_advisory_xact_lock({BUCKETS}, {})", bucket.0),
        // Two statements: always the bucket first.
        store::Lock::User(bucket, user) => format!(
            "SELECT pg_advisory_xact_lock_shared({BUCKETS}, {}); SELECT pg_advisory_xact_lock({})",
            bucket.0,
            user.as_i64()
        ),
        // A migration takes as long as it takes, and so does waiting for another process that is at it.
        store::Lock::Schema => format!(
            "SET LOCAL statement_timeout = '{0}s'; SET LOCAL lock_timeout = '{0}s'; SELECT pg_advisory_xact_lock({SCHEMA}, 0)",
            MIGRATION.as_secs()
        ),
    }
}

/// The longest a statement of a migration may take, or wait for others that migrate.
pub const MIGRATION: std::time::Duration = std::time::Duration::from_mins(10);
