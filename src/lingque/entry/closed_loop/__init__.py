"""The platform's own policy on the simulated bank: its permits, caps, models and decision function, month after month.

In: what the bank's files say of its customers, and what became of the contacts so far. Out: the contacts of a round.
Always: no truth is looked at but by `TrueEffects`, which stands in the place of the models to tell what they lose from
what decisions lose.

    offers      the simulated bank's offers and channels as definitions
    seen        what the bank sees of sales and customers
    models      what the bank learns from what it sees
    truth       the true chances in the models' place
    policy      one round: observe, learn, ask leave, decide, reserve
    running     all policies side by side
    comparing   the baselines of allocation on the same round
    picture     what each policy earned
"""
