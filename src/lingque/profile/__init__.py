"""Everything known about a customer, as tags.

In: published tables and tag definitions. Out: `customer_tags`, one row per customer and day, and labels for whoever
measures or learns. Always: a snapshot uses what happened before its day and was known by it, never more, so
recomputing a past day gives that day's values.
"""
