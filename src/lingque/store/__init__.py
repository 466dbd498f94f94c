"""The control plane's database: one engine, one transaction per command, migrations, runs and what they published.

SQLite (WAL) by default, PostgreSQL in production; the same tests run on both. Tables belong to the stage that
owns them (`<stage>/tables.py`), all on the one `METADATA` here.
"""
