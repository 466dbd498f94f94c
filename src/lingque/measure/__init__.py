"""What a campaign changed, with an interval.

In: arms as they were drawn, outcomes (true or false, money, numbers) as they became known, and what was spent. Out:
for each outcome an effect with its interval, or a refusal with its reason; profit; the main effect for each channel and
offer. Always: everybody drawn counts in the group they were drawn into, whether or not the message reached them
(intention to treat); a case that cannot be judged is never a neutral number.
"""
