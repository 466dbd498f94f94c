"""What exists: data contracts, sources, tags, offers and campaigns as definitions, with expressions and lineage.

In: YAML under a workspace's `definitions/`. Out: a `Catalog` in which every name resolves and every expression
has a type. Always: a definition is referred to by the hash of itself and all it is built on (its closure).
"""
