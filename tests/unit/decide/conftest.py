"""A busy machine is no failure: what hypothesis draws is not timed."""

from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
