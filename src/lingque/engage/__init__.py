"""Campaigns: planned as data, explained, approved, and run exactly as approved.

In: a campaign definition and a snapshot. Out: a plan (stages), its state, and contacts. Always: what was approved is a
digest of the stages, and nothing else runs; a contact is written once per wave, customer, offer and step.
"""
