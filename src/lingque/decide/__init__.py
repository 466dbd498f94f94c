"""One decision function for every clock.

In: customers with their tags, leave, reach and past; a menu of offers on channels; the context of the moment. Out: per
customer at most one choice, and per candidate every reason against it and every part of its value. Always: a refusal is
a logged reason, never silence; nobody is contacted without a permit; the group held out is drawn among those who would
have been contacted; the same question has the same answer on every clock.
"""
