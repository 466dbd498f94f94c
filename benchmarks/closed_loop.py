"""Six months of a simulated bank under policies that its truth is known of, the platform's own among them.

    python -m benchmarks.closed_loop [--customers N] [--seed N] [--picture FILE] [--full]

Policies are one another's peers: true incremental profit, sales caused, opt-outs and complaints of each, on the same
customers with the same chance; the baselines of allocation on every round that the platform decided. `--full`: 100,000
customers. Tables and picture are those in docs/concepts/simulated-bank.md.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Iterable
from pathlib import Path

from lingque.decide.decisions import Decisions
from lingque.entry.closed_loop.comparing import instance_of, worth_by
from lingque.entry.closed_loop.picture import drawn
from lingque.entry.closed_loop.running import AS_MANY, MODELS, TRUTH, compare
from lingque.twin.loop import Result
from lingque.twin.parameters import TwinParameters

SMALL, CITY = 20_000, 100_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=SMALL)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--picture", type=Path, help="draw the profits into this SVG file")
    parser.add_argument("--full", action="store_true", help="100,000 customers")
    arguments = parser.parse_args()
    customers = CITY if arguments.full else arguments.customers
    began, cpu = time.perf_counter(), time.process_time()
    compared = compare(TwinParameters(customers=customers, seed=arguments.seed))
    results = compared.results
    profit = {name: one.profit for name, one in results.items()}
    shared = shared_out(compared.decided)
    print(table(results.values()))
    print()
    print(table_of_baselines(shared))
    if arguments.picture is not None:
        arguments.picture.write_text(drawn(results), encoding="utf-8")
    best = profit["greatest_effect"]
    print(
        json.dumps(
            {
                "name": "closed_loop",
                "size": {"customers": customers, "rounds": len(compared.decided)},
                "seconds": round(time.perf_counter() - began, 3),
                "cpu_seconds": round(time.process_time() - cpu, 3),
                "peak_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 3),
                "peers": {},
                "ratios": {name: round(one / best, 3) for name, one in profit.items()},
                "checks": {
                    "nobody_earns_nothing": profit["nobody"] == 0.0,
                    "platform_beats_nobody_and_mass_sms": profit[MODELS]
                    > max(0.0, profit["mass_sms"], profit[AS_MANY]),
                    "platform_beats_best_response": profit[MODELS] > profit["best_response"],
                    "truth_beats_models": profit[TRUTH] >= profit[MODELS],
                },
                "extra": {
                    "profit_fen": profit,
                    "lost_by_models": round((profit[TRUTH] - profit[MODELS]) / best, 3),
                    "lost_by_decisions": round((best - profit[TRUTH]) / best, 3),
                    "allocation_over": over(shared),
                },
            }
        )
    )


def table(results: Iterable[Result]) -> str:
    """In Markdown, money in whole CNY."""
    lines = [
        "| policy | contacts | followed by a sale | sales | of them caused | opt-outs | complaints |"
        " true incremental profit, CNY |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    lines += [
        f"| {one.policy} | {one.contacts:,} | {one.followed:,} | {one.sales:,} | {one.caused:,.0f} | {one.opt_outs:,} "
        f"| {one.complaints:,} | {one.profit / 100:,.0f} |"
        for one in results
    ]
    return "\n".join(lines)


def shared_out(decided: Iterable[Decisions]) -> dict[str, list[float]]:
    """What the allocation and its baselines are worth in each round in which a capacity binds, in fen."""
    worth: dict[str, list[float]] = {}
    for one in decided:
        if one.certificate is None or not any(limit.price > 0 for limit in one.certificate.limits):
            continue
        for name, value in worth_by(instance_of(one)).items():
            worth.setdefault(name, []).append(value)
    return worth


def over(worth: dict[str, list[float]]) -> dict[str, list[float]]:
    """Per baseline by how many percent the allocation is worth more: in the worst, the middle and the best round."""
    found = {}
    for name in ("priority", "greedy", "chunks"):
        more = sorted(100 * (ours / theirs - 1) for ours, theirs in zip(worth["allocation"], worth[name], strict=True))
        found[name] = [round(more[at], 2) for at in (0, len(more) // 2, -1)]
    return found


def table_of_baselines(worth: dict[str, list[float]]) -> str:
    """In Markdown."""
    lines = ["| the allocation is worth more than | least | middle | most |", "|---|--:|--:|--:|"]
    lines += [
        f"| {name} | {least:.2f} % | {middle:.2f} % | {most:.2f} % |"
        for name, (least, middle, most) in over(worth).items()
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
