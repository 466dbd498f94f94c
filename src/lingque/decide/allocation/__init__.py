"""Population-wide allocation: who gets which offer by which channel, with a certificate of how good it is.

In: what every (customer, offer, channel) is worth, and limits that hold for all customers together. Out: a choice that
keeps every limit, a price per limit, and a bound that no choice whatever can pass. Always: the certificate is computed
anew by `verifier`, which shares no code with the solver.

    problem       what is to be decided
    local         one customer at given prices, exactly
    passes        all customers at given prices
    dual          the prices
    crews         hours of units that work for their own customers
    hour_prices   the prices where those are short
    primal        from prices to a choice that keeps the limits
    exact         small problems, by branch and bound
    solver        all of these
    certificate   what is claimed of a choice
    verifier      whether that is true
    infeasible    limits that contradict one another
    baselines     what others do
    ranks         service before marketing
    online        prices that steer a stream
    waiting       what a branch's time is worth to those still to come
    prices        prices as facts, with a version
"""
