"""Where customers belong: two tags of the newest snapshot say so."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection

from lingque.core.errors import NotFoundError
from lingque.core.ids import CustomerId
from lingque.govern.contracts import Flags, Home
from lingque.profile.service import Profile


class TagHomes:
    """`branch_tag` holds a branch's code and `manager_tag` a staff number; without a tag nobody belongs anywhere."""

    def __init__(self, profile: Profile, *, branch_tag: str, manager_tag: str) -> None:
        self._profile = profile
        self._branch_tag = branch_tag
        self._manager_tag = manager_tag

    def home_of(self, connection: Connection, customer_id: CustomerId) -> Home:
        """Empty where there is no snapshot, or the customer is not in it."""
        as_of = self._profile.newest_day(connection)
        if as_of is None:
            return Home(branch="", manager="")
        try:
            values = self._profile.values_of(connection, as_of, customer_id)
        except NotFoundError:
            return Home(branch="", manager="")
        branch, manager = values.get(self._branch_tag), values.get(self._manager_tag)
        return Home(branch="" if branch is None else str(branch), manager="" if manager is None else str(manager))

    def in_branches(self, snapshot: pa.Table, branches: Collection[str]) -> Flags:
        """Per row; nobody where the snapshot has no such tag."""
        if self._branch_tag not in snapshot.column_names:
            return np.zeros(snapshot.num_rows, dtype=np.bool_)
        codes = pc.cast(snapshot.column(self._branch_tag), pa.string())
        within: Flags = pc.is_in(codes, value_set=pa.array(sorted(branches), pa.string())).to_numpy()
        return within
