"""Lingque (灵鹊): from a bank's raw files to a lawful, delivered, measured proposal.

The folders of this package are the stations of that way; `lingque.flow` is the whole way on one screen.
"""

__version__ = "0.1.0"
