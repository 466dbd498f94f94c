"""What everything else stands on: errors, ids, money, time, hashing, and the closed registries.

Imports nothing of ours, does no I/O, and keeps no state.
"""
