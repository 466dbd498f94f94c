"""Models over tags: from tags and labels of past days to scores, which are tags again.

In: model definitions, tags as of past days, labels that have become known. Out: versions of models, each with its
card, and calibrated scores for whoever computes tags. Always: a model is judged on a later day than those it learned
from, on customers whose label it has not seen, and scores no day that its labels reach beyond.
"""
