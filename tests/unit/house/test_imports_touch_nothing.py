"""Every module imports in an empty environment, and importing writes nothing, connects to nothing, starts nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).parents[3] / "src"

PROBE = """
import importlib, json, os, pkgutil, sys, threading

sys.path.insert(0, sys.argv[1])
acts = []
WATCHED = ("socket.connect", "socket.bind", "subprocess.Popen", "os.system", "os.mkdir", "os.remove", "os.rename")

def watch(event, arguments):
    if event == "open":
        path, mode, flags = arguments
        if flags & (os.O_WRONLY | os.O_RDWR) and str(path) != os.devnull:
            acts.append(f"opened {path} for writing")
    elif event in WATCHED:
        acts.append(f"{event} {arguments}")

import lingque
names = [m.name for m in pkgutil.walk_packages(lingque.__path__, "lingque.") if not m.name.endswith("__main__")]
names = [name for name in names if ".migrations" not in name]
sys.addaudithook(watch)
for name in names:
    before = len(acts)
    importlib.import_module(name)
    acts[before:] = [f"{name}: {act}" for act in acts[before:]]
print(json.dumps({"names": names, "acts": acts, "threads": threading.active_count()}))
"""


def test_every_module_imports_and_touches_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-B", "-c", PROBE, str(SOURCE)],
        cwd=tmp_path,
        env={},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert len(seen["names"]) > 100
    assert seen["acts"] == []
    assert seen["threads"] == 1
    assert list(tmp_path.iterdir()) == []
