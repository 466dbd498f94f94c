"""Contact pressure: one ledger of who is contacted how often, shared by all campaigns and all clocks.

In: contacts that somebody wants to make, and the caps in force. Out: which of them a cap refuses. Always: no period of
any cap ever holds more contacts than the cap allows, whoever reserves beside whom and whatever the clocks show.

A contact is *reserved* in the transaction that decides it, *committed* when it is made, *released* when it is not. What
is reserved may still be made on any later day, so it counts in every period until it is settled or has expired; what
was committed counts at its instant. So of the contacts in a period, the one reserved last saw all the others: they were
reserved, or committed at an instant that its own period held too. A clock that is set back changes nothing in that: a
contact is never made before it was reserved, later contacts count in earlier periods, and whoever finds a reservation
expired ends it for everybody before counting without it.
"""
