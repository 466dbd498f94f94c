"""What a proposal rests on: which tags were looked at, and whether anybody was looked at for it at all."""

from __future__ import annotations

from collections.abc import Iterable

from lingque.catalog.model import AggregateTag, Catalog, DerivedTag, Offer
from lingque.govern.contracts import Grounds


def grounds_of(catalog: Catalog, segment: str | None, offer: Offer) -> Grounds:
    """Of a segment, if the customers were chosen by one, and an offer together.

    Where both look at no tag but constants, nobody is chosen by what is known of them: that is the non-personalised
    path (PIPL art. 24), open to those who refuse automated decisions. What suitability looks at counts among the tags,
    but chooses nobody: the seller must look at it by law.
    """
    chosen_by = {*([segment] if segment else []), *offer.chosen_by}
    below = tags_under(catalog, chosen_by)
    automated = any(not isinstance(catalog.tag(name), DerivedTag) for name in below)
    return Grounds(automated=automated, tags=below | tags_under(catalog, offer.definition.suited_by))


def tags_under(catalog: Catalog, names: Iterable[str]) -> frozenset[str]:
    """These tags and all that they are built on; of a model what it looks at, not what it foretells."""
    found: set[str] = set()
    waiting = set(names)
    while waiting:
        tag = catalog.tag(waiting.pop())
        found.add(tag.name)
        if not isinstance(tag, AggregateTag):
            waiting |= tag.inputs - found
    return frozenset(found)
