"""The data plane: tables of Parquet files under Delta Lake, written sorted and atomically, read with DuckDB.

In: Arrow tables and the run that made them. Out: versions. Always: a reader names the versions it reads, the
rows of a file are ordered by (bucket, customer, time), and a run committed twice is committed once.
"""
