"""The database: tables, the journal with its group commit, queries, migrations."""
