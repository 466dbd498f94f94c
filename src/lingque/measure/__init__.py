"""What a campaign changed, with an interval.

In: arms as they were drawn and outcomes as they became known. Out: an effect with its interval, or a refusal with its
reason. Always: everybody drawn counts in the group they were drawn into, whether or not the message reached them
(intention to treat); a case that cannot be judged is never a neutral number.
"""
