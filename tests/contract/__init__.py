"""The contract of Store, held against memory, SQLite and PostgreSQL; and what only the SQL store promises."""
