"""Population-wide allocation: certified gap and time, against PDLP (OR-Tools) and the interior point method of HiGHS.

    python -m benchmarks.allocate [--size N] [--instances N] [--peers pdlp,highs-ipm] [--baselines] [--online] [--full]

Every instance is solved to a gap of 1e-5 and put before the verifier, which computes all anew. Figures are of the
worst instance, not the best; one whose limits contradict each other is told, and the next is drawn. Peers solve the
linear relaxation of the first instance only, in the same run: PDLP to 1e-6, HiGHS to its default tolerance; each is
stopped after `--patience` times our time, by the clock. Ratios are of CPU time. The default size is 10 k customers, 2
instances, PDLP; `--full` is 10 instances with both peers and the baselines.

Of ten million customers: `--size 10000000 --instances 1 --peers ""`; of 1e9 entries: `--size 26000000 --gap 1e-6`. The
making of an instance and the verifying are told apart from the solving, and are no part of its time.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from itertools import count
from multiprocessing.connection import Connection

import numpy as np
from ortools.pdlp import solve_log_pb2, solvers_pb2
from ortools.pdlp.python import pdlp
from scipy.optimize import linprog

from benchmarks.allocation_instances import draw_instance
from lingque.core.hashing import Int64s
from lingque.decide.allocation.baselines import by_priority, by_value, in_chunks
from lingque.decide.allocation.certificate import value_of
from lingque.decide.allocation.exact import whole_program
from lingque.decide.allocation.online import PriceController
from lingque.decide.allocation.problem import Problem
from lingque.decide.allocation.program import Program
from lingque.decide.allocation.solver import Allocation, Effort, Progress, allocate
from lingque.decide.allocation.verifier import verify

GAP = 1e-5
PEER_GB = 16
"""Of memory, which a peer may take."""
TOLD_FROM = 300_000
"""Customers from which the search is told step by step."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=10_000, help="customers")
    parser.add_argument("--instances", type=int, default=2)
    parser.add_argument("--peers", default="pdlp")
    parser.add_argument("--patience", type=float, default=20.0, help="peers are stopped after so many times our time")
    parser.add_argument("--gap", type=float, default=GAP, help="relative; the search ends there")
    parser.add_argument("--baselines", action="store_true")
    parser.add_argument("--online", action="store_true", help="a fresh stream too, also with a drift of 15 %%")
    parser.add_argument("--stream-size", type=int, default=40_000, help="customers of the stream")
    parser.add_argument("--full", action="store_true", help="10 instances, both peers, baselines, stream")
    arguments = parser.parse_args()
    if arguments.full:
        arguments.instances, arguments.peers, arguments.baselines = 10, "pdlp,highs-ipm", True
        arguments.online, arguments.patience = True, max(arguments.patience, 60.0)
    allocate(draw_instance(2_000, 0))  # compiles
    print(json.dumps(run(arguments)))


def run(arguments: argparse.Namespace) -> dict[str, object]:
    seconds, cpu, gaps, verdicts, verifying = [], [], [], [], []
    ratios: dict[str, float] = {}
    peers: dict[str, float] = {}
    extra: dict[str, object] = {}
    entries = 0
    contradictory: list[int] = []
    for seed in count(1):
        if len(gaps) == arguments.instances:
            break
        began = time.perf_counter()
        problem = draw_instance(arguments.size, seed)
        entries = max(entries, problem.entries)
        print(f"instance {seed}: {problem.entries:,} entries made in {time.perf_counter() - began:.1f} s", flush=True)
        tell = _tell if arguments.size >= TOLD_FROM else _say_nothing
        began, began_cpu = time.perf_counter(), time.process_time()
        found = allocate(
            problem,
            Effort(gap=arguments.gap, seed=seed),
            progress=tell,
        )
        seconds.append(time.perf_counter() - began)
        cpu.append(time.process_time() - began_cpu)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        extra["peak_gb_of_the_solver"] = round(max(float(extra.get("peak_gb_of_the_solver", 0)), peak), 3)  # type: ignore[arg-type]
        if not isinstance(found, Allocation):
            # a minimum that its offer's own budget cannot pay: drawn by chance, and not what is measured
            print(f"instance {seed} contradicts itself, and another takes its place: {found}", flush=True)
            contradictory.append(seed)
            seconds.pop(), cpu.pop()
            continue
        verified_from = time.perf_counter()
        verdict = verify(problem, found.choice, found.certificate)
        verifying.append(time.perf_counter() - verified_from)
        gaps.append(verdict.gap)
        verdicts.append(verdict.holds)
        print(
            f"instance {seed}: solved in {seconds[-1]:.2f} s ({cpu[-1]:.2f} of CPU), gap {verdict.gap:.1e}, "
            f"{peak:.2f} GB; verifier ({verifying[-1]:.1f} s): {'holds' if verdict.holds else verdict.faults}",
            flush=True,
        )
        if len(gaps) == 1:
            for name in filter(None, arguments.peers.split(",")):
                patience = arguments.patience * seconds[0] + 5
                solved, its_seconds, its_cpu = _alone(name, whole_program(problem, elastic=False), patience)
                peers[name] = round(its_seconds, 2)
                ratios[name] = round(its_cpu / cpu[0], 2)
                extra[f"{name} solved"] = solved
                ended = "solved" if solved else "stopped"
                print(f"{name}: {peers[name]:.1f} s, {ended}; {ratios[name]:.0f} × our CPU time")
            if arguments.baselines:
                extra["profit_over_baselines_percent"] = _over_baselines(problem, found.certificate.objective)
        del problem, found  # before the next takes its place in memory
    if arguments.online:
        # with hundreds of branches and few customers the bound knows who will come to each of them, and no stream can
        extra["stream"] = {
            f"drift {drift}, {known:.0%} known, {branches} branches": _streamed(
                arguments.stream_size, drift, known=known, branches=branches
            )
            for branches in (500, 5)
            for known in (1.0, 0.1)
            for drift in (1.0, 1.15)
        }
    worst = max(gaps)
    within = f"every_gap_within_{arguments.gap:g}"
    print(f"worst of {len(gaps)}: gap {worst:.1e}, {max(seconds):.2f} s; verified: {sum(verdicts)} of {len(verdicts)}")
    return {
        "name": "allocate",
        "size": {"customers": arguments.size, "entries": entries, "instances": arguments.instances},
        "seconds": round(max(seconds), 3),
        "cpu_seconds": round(max(cpu), 3),
        "peak_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 3),
        "peers": peers,
        "ratios": ratios,
        "checks": {
            "every_certificate_verified": all(verdicts),
            within: bool(worst <= arguments.gap),
        },
        "extra": {
            "contradictory": contradictory,
            "worst_gap": float(worst),
            "median_gap": float(np.median(gaps)),
            **extra,
        },
    }


def _tell(step: Progress) -> None:
    gap = "no choice yet" if step.gap is None else f"gap {step.gap:.1e}"
    print(f"  {step.seconds:7.1f} s, {step.stage}: bound {step.bound:.9g}, {gap}", flush=True)


def _say_nothing(_: Progress) -> None:
    pass


def _over_baselines(problem: Problem, objective: float) -> dict[str, float]:
    """By how many percent the allocation is worth more. Baselines need not meet minimum volumes."""
    percents = {}
    for baseline in (by_priority, by_value, in_chunks):
        worth = value_of(problem, baseline(problem))
        percents[baseline.__name__] = round(100 * (objective / worth - 1), 2)
        print(f"{baseline.__name__}: the allocation is worth {percents[baseline.__name__]:+.2f} %")
    return percents


def _streamed(customers: int, drift: float, *, known: float, branches: int) -> dict[str, object]:
    """A day of other customers than the day before, in random order, in 200 batches, their values off by the drift.

    The controller knows a share of the day before, and the prices that were right for those. The bound is that of the
    day itself, which nobody knows until it is over.
    """
    random = np.random.default_rng(0)
    both = draw_instance(2 * customers, 1, branches=branches)
    today_is = np.zeros(2 * customers, dtype=np.bool_)
    today_is[random.choice(2 * customers, customers, replace=False)] = True
    before = random.permutation(np.flatnonzero(~today_is))[: max(int(known * customers), 1)]
    day = _half(both, np.flatnonzero(today_is))
    past = _half(both, np.sort(before))
    stream = replace(day, values=day.values * np.float32(drift))
    offline = allocate(stream, Effort(gap=1e-4))
    right_then = allocate(both.part(np.sort(before), share=known / 2), Effort(gap=1e-3))
    if not isinstance(offline, Allocation) or not isinstance(right_then, Allocation):
        raise SystemExit("the limits of the stream cannot be kept")
    controller = PriceController(
        past,
        expected=customers,
        prices=right_then.certificate.prices,
        staff_prices=right_then.certificate.staff_prices,
    )
    worth, cpu = 0.0, time.process_time()
    for arriving in np.array_split(random.permutation(customers), 200):
        part = stream.part(np.sort(arriving), share=1.0)
        worth += value_of(part, controller.decide(part, random.permutation(part.customers)))
        controller.steer()
    upper = day.limits >= 0
    reached = {
        "share_of_the_offline_bound": round(worth / offline.certificate.bound, 5),
        "overruns": int(np.count_nonzero(controller.left[upper] < -1e-9 * np.maximum(day.limits[upper], 1.0))),
        "minimums_short_by": round(float(-np.minimum(controller.left[~upper], 0).sum())),
        "cpu_seconds": round(time.process_time() - cpu, 2),
    }
    print(f"stream, drift {drift}, {known:.0%} of a day known, {branches} branches: {reached}", flush=True)
    return reached


def _half(both: Problem, customers: Int64s) -> Problem:
    """Some of the customers of two days, under the limits of one."""
    part = both.part(customers, share=0.5)
    if part.staff is None or both.staff is None:
        raise SystemExit("a stream needs staff")
    return replace(
        part,
        rows=tuple(replace(row, shared=False) for row in part.rows),
        staff=replace(both.staff, starts=part.staff.starts, hours=both.staff.hours / 2),
    )


def _alone(name: str, program: Program, patience: float) -> tuple[bool, float, float]:
    """A peer in a process of its own: whether it solved, and the seconds that took, by the clock and of CPU.

    It is ended from outside when its patience is over, and by the system when it wants more than `PEER_GB`: left to
    itself HiGHS's interior point passes its limit of time many times over.
    """
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_solve, args=(there, name))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    process.start()
    there.close()
    here.send((program, patience))
    starting = here.recv()
    began = time.perf_counter()
    answer: tuple[bool, float, float] | None = None
    if here.poll(patience):
        with suppress(EOFError):  # it ran out of memory
            answer = here.recv()
    seconds = time.perf_counter() - began
    process.kill()
    process.join()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return answer or (False, seconds, used - starting)


def _solve(connection: Connection, name: str) -> None:
    program, patience = connection.recv()
    resource.setrlimit(resource.RLIMIT_AS, (PEER_GB << 30, PEER_GB << 30))
    connection.send(time.process_time())
    began, began_cpu = time.perf_counter(), time.process_time()
    solved = PEERS[name](program, patience)
    connection.send((solved, time.perf_counter() - began, time.process_time() - began_cpu))


def _pdlp(program: Program, patience: float) -> bool:
    variables = len(program.gain)
    relaxation = pdlp.QuadraticProgram()
    relaxation.resize_and_initialize(variables, len(program.upper))
    relaxation.objective_vector = -program.gain
    relaxation.constraint_matrix = program.matrix[:, :variables].tocsc()
    relaxation.constraint_upper_bounds = program.upper
    relaxation.constraint_lower_bounds = np.full(len(program.upper), -np.inf)
    relaxation.variable_lower_bounds = np.zeros(variables)
    relaxation.variable_upper_bounds = np.ones(variables)
    parameters = solvers_pb2.PrimalDualHybridGradientParams()
    criteria = parameters.termination_criteria
    criteria.simple_optimality_criteria.eps_optimal_relative = 1e-6
    criteria.simple_optimality_criteria.eps_optimal_absolute = 1e-6
    criteria.time_sec_limit = patience
    parameters.num_threads = 2
    result = pdlp.primal_dual_hybrid_gradient(relaxation, parameters)
    return bool(result.solve_log.termination_reason == solve_log_pb2.TERMINATION_REASON_OPTIMAL)


def _highs(program: Program, patience: float) -> bool:
    variables = len(program.gain)
    result = linprog(
        -program.gain,
        A_ub=program.matrix[:, :variables],
        b_ub=program.upper,
        bounds=(0.0, 1.0),
        method="highs-ipm",
        options={"time_limit": patience},
    )
    return bool(result.status == 0)


PEERS: dict[str, Callable[[Program, float], bool]] = {"pdlp": _pdlp, "highs-ipm": _highs}


if __name__ == "__main__":
    main()
