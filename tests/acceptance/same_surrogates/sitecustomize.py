"""Python runs this first where PYTHONPATH names this folder: a command mints the same surrogates in every run.

Groups are drawn by surrogate, so no test of what a command told rests on a throw of the dice. Nothing else of the
command is changed.
"""

from __future__ import annotations

import random
import secrets
import sys

# other words, other numbers: two commands on one workspace must not mint the same
secrets.randbelow = random.Random("\0".join(sys.orig_argv[2:])).randrange  # noqa: S311
