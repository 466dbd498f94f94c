"""Models over tags: from snapshots and labels to scores, which are tags again.

In: model definitions, tags as of past days, labels that have become known. Out: versions of models, each with its
card, and calibrated scores for whoever computes tags. Always: a model learns from nothing that was not known on the
days it learns from, and is judged on a later day.
"""
