"""Six months of a simulated bank under policies that its truth is known of.

    python -m benchmarks.closed_loop [--customers N] [--seed N] [--full]

Policies are one another's peers: true incremental profit, sales caused, opt-outs and complaints of each, on the same
customers with the same chance. `--full`: 100,000 customers. The table is the one in docs/concepts/simulated-bank.md.
"""

from __future__ import annotations

import argparse
import json
import resource
import time

from lingque.twin.loop import POLICIES, Result, respondents, run
from lingque.twin.parameters import TwinParameters

SMALL, CITY = 20_000, 100_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=SMALL)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--full", action="store_true", help="100,000 customers")
    arguments = parser.parse_args()
    customers = CITY if arguments.full else arguments.customers
    began, cpu = time.perf_counter(), time.process_time()
    model = respondents(TwinParameters(customers=customers, seed=arguments.seed))
    made = time.process_time() - cpu
    seconds: dict[str, float] = {}
    results = []
    for name, policy in POLICIES.items():
        start = time.process_time()
        results.append(run(model, name, policy))
        seconds[name] = round(time.process_time() - start, 3)
    print(table(results))
    profit = {one.policy: one.profit for one in results}
    print(
        json.dumps(
            {
                "name": "closed_loop",
                "size": {"customers": customers, "needs": len(model.occasions.customer)},
                "seconds": round(time.perf_counter() - began, 3),
                "cpu_seconds": round(time.process_time() - cpu, 3),
                "peak_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 3),
                "peers": seconds,
                "ratios": {name: round(one / profit["greatest_effect"], 3) for name, one in profit.items()},
                "checks": {
                    "nobody_earns_nothing": profit["nobody"] == 0.0,
                    "effect_beats_response": profit["greatest_effect"] > profit["best_response"],
                },
                "extra": {"profit_fen": profit, "making_cpu_seconds": round(made, 3)},
            }
        )
    )


def table(results: list[Result]) -> str:
    """In Markdown, money in whole CNY."""
    lines = [
        "| policy | contacts | sales | of them caused | opt-outs | complaints | true incremental profit, CNY |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    lines += [
        f"| {one.policy} | {one.contacts:,} | {one.sales:,} | {one.caused:,.0f} | {one.opt_outs:,} "
        f"| {one.complaints:,} | {one.profit / 100:,.0f} |"
        for one in results
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
