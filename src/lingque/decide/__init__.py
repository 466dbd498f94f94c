"""One decision function for every clock.

In: customers with their tags, offers, permits, and the context of the moment. Out: per customer at most one choice, and
per candidate every reason against it. Always: a refusal is a logged reason, never silence; nobody is contacted
without a permit; the group held out is drawn among those who would have been contacted.
"""
