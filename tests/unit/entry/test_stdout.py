"""Standard output is what a command says, and nothing that a library prints by itself."""

from __future__ import annotations

import json
import subprocess
import sys

BRANCH_AND_BOUND = """
import json
import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from lingque.entry import cli

def command():
    random = np.random.default_rng(38)
    size, rows = random.integers(20, 60), random.integers(3, 12)
    uses = random.integers(1, 40, (rows, size)).astype(float)
    worth = random.integers(1, 40, size).astype(float)
    within = LinearConstraint(uses, -np.inf, uses.sum(1) * 0.3)
    options = {"mip_rel_gap": 1e-9, "node_limit": 200}
    solved = milp(-worth, constraints=within, bounds=Bounds(0, 1), integrality=np.ones(size), options=options)
    print(json.dumps({"worth": -solved.fun}))

cli.app = command
"""


def ran(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120)


def test_what_the_solver_prints_does_not_get_into_what_a_command_prints() -> None:
    by_itself = ran(BRANCH_AND_BOUND + "command()")
    assert "HighsMip" in by_itself.stdout, "the solver is quiet now: nothing to guard against"
    as_command = ran(BRANCH_AND_BOUND + "cli.main()")
    assert json.loads(as_command.stdout)["worth"] > 0
    assert "HighsMip" in as_command.stderr
