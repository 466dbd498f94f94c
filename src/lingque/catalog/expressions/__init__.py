"""The expression language: one text, parsed once into a typed tree, compiled to any target.

Rows and NULL follow SQL's three-valued logic. Over no rows count, sum, time_avg and count_periods are 0, every() is
false and every other measure NULL; division by zero is NULL. Money carries its currency: `cny(50000)` is fifty thousand
yuan, and two currencies never meet in one operation.
"""
