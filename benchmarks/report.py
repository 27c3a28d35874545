"""The figures as tables for people and as JSON for programs."""

from collections.abc import Mapping
from typing import Any

import click

from benchmarks.figures import Run, Spread
from benchmarks.latency import RAISED_EVERY, Latencies
from benchmarks.throughput import Contest
from fraud_stream.terminal import print_table

#: What is asked of this application.
LEAST_THROUGHPUT = 20.0
MOST_CPU, CPU_AIM = 100.0, 60.0
P99_AIM = 100.0
_COLUMNS = ("contestant", "transactions", "wall s", "transactions/s", "CPU us/transaction", "labels learnt", "alerts")
#: With a load average above this something else was running.
_BUSY = 0.5


def show_machine(machine: Mapping[str, Any]) -> None:
    """Print what it is measured on."""
    packages = ", ".join(f"{name} {number}" for name, number in machine["packages"].items())
    click.echo(f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}, {machine['python']}")
    click.echo(packages)
    click.echo(f"load average {machine['load_average']:.2f} when it began{_warning(machine['load_average'])}")


def _warning(load: float) -> str:
    return ": something else is running, so trust the ratios and no figure" if load > _BUSY else ""


def show_contest(contest: Contest) -> None:
    """Print throughput and CPU of both contestants, and what is asked."""
    print_table("\nThroughput, the same broker and topics, one worker process each", _COLUMNS, _contest_rows(contest))
    better, ours = contest.advantage, contest.ours
    click.echo(
        f"throughput {better.throughput:.1f} times the naive one (asked: {LEAST_THROUGHPUT:.0f}), "
        f"CPU a transaction {better.cpu:.1f} times less; "
        f"{ours.cpu_each:.0f} us a transaction (asked: at most {MOST_CPU:.0f}; aim: {CPU_AIM:.0f})"
    )
    click.echo(f"fraud_stream: all tables and rules; {contest.by_model:,} transactions scored by the model")


def _contest_rows(contest: Contest) -> list[tuple[str, ...]]:
    naive = _contest_row("naive Faust agent", contest.naive, contest.naive_learnt, contest.naive_alerts)
    return [naive, _contest_row("fraud_stream", contest.ours, contest.learnt, contest.alerts)]


def _contest_row(name: str, run: Run, learnt: int, alerts: int) -> tuple[str, ...]:
    figures = f"{run.transactions:,}", f"{run.seconds:.2f}", f"{run.rate:,.0f}", f"{run.cpu_each:,.1f}"
    return name, *figures, f"{learnt:,}", f"{alerts:,}"


def show_latencies(found: Latencies) -> None:
    """Print how latencies are spread, and what is asked."""
    columns = ("milliseconds", "count", "p50", "p99", "p99.9", "max")
    rows = [
        _spread_row("send to alert", found.to_alert),
        _spread_row("send to decision", found.to_decision),
        _spread_row("of these: the sender", found.sender),
    ]
    print_table(f"\nLatency at {found.rate:,.0f} transactions a second, one worker process", columns, rows)
    click.echo(
        f"p99 from send to alert {found.to_alert.p99:.1f} ms (aim: {P99_AIM:.0f}); {found.missing} alerts missing\n"
        f"CPU {found.worker.cpu_each:.0f} us a transaction at this rate; {found.by_model:,} scored by the model; "
        f"every {RAISED_EVERY}th amount raised above 1,000"
    )


def _spread_row(name: str, spread: Spread) -> tuple[str, ...]:
    return name, f"{spread.size:,}", *(f"{value:.1f}" for value in spread[1:])


def contest_as_json(contest: Contest) -> dict[str, Any]:
    """The contest, with what follows from it."""
    runs = {"naive": _run_as_json(contest.naive), "fraud_stream": _run_as_json(contest.ours)}
    counts = {name: value for name, value in contest._asdict().items() if isinstance(value, int)}
    return {**runs, **counts, "advantage": contest.advantage._asdict()}


def _run_as_json(run: Run) -> dict[str, float]:
    return {**run._asdict(), "transactions_per_second": run.rate, "cpu_us_per_transaction": run.cpu_each}


def latencies_as_json(found: Latencies) -> dict[str, Any]:
    """The latencies, in milliseconds, with what follows from them."""
    spreads = {name: value._asdict() for name, value in found._asdict().items() if isinstance(value, Spread)}
    return {**found._asdict(), **spreads, "worker": _run_as_json(found.worker)}
