"""Each module here runs as `python -m benchmarks.NAME` and ends with one JSON line (docs/benchmarks.md)."""
