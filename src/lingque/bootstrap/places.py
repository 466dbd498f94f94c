"""Where in a workspace's folder what is."""

from __future__ import annotations

from pathlib import Path

CONTROL_FILE = Path("data") / "control.db"
WAREHOUSE_FOLDER = Path("data") / "warehouse"
ONLINE_FOLDER = Path("data") / "online"
READING_FOLDER = Path("data") / "reading"
LOCK_FILE = Path("data") / "lock"
RESTORING_FILE = Path("data") / "restoring"
MASTER_KEY_FILE = Path("keys") / "master.key"
