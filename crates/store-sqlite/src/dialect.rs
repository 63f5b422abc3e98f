//! What SQLite says otherwise than PostgreSQL.

use store::Dialect;

/// SQLite's words. STRICT: a column holds its type and no other.
pub static SQLITE: Dialect = Dialect {
    words: &[("BIGINT", "INTEGER"), ("BYTEA", "BLOB"), ("KEYED", "STRICT, WITHOUT ROWID"), ("PLAIN", "STRICT")],
    tables: "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name",
    columns: "SELECT m.name, p.name, p.type, p.\"notnull\", p.pk FROM sqlite_master m JOIN pragma_table_info(m.name) p \
              WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' ORDER BY m.name, p.cid",
    size: "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
    calls: None,
    digest: None,
    may_migrate: None,
    grants: None,
};

/// `$1` becomes `?1`: SQLite takes the first for a name and numbers names by their first appearance.
pub fn numbered(sql: &str) -> String {
    sql.replace('$', "?")
}
