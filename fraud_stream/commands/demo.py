"""``fraud-stream demo``: see it work on one machine."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
import msgspec
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from fraud_stream.broker import WARNING
from fraud_stream.commands.alerts import lines
from fraud_stream.demo.score import Score, Truth, percentile
from fraud_stream.demo.stage import Stage
from fraud_stream.kafka import client_config
from fraud_stream.options import FiniteRange
from fraud_stream.records import Drift, ScoredTransaction, read_alert

#: Without DEMO_SECONDS transactions come for so long, and the page stays until Ctrl-C.
DEFAULT_SECONDS = 30.0
#: Seconds that the last transactions may take through the worker.
DRAIN_TIMEOUT = 30.0
_PERCENTILES = (0.5, 0.95, 0.99)


@click.command()
@click.option(
    "--seconds",
    type=FiniteRange(1, 86_400),
    envvar="DEMO_SECONDS",
    help="Send transactions for so long, then end. Without it: 30 s, and the page stays until Ctrl-C.",
)
def demo(seconds: float | None) -> None:
    """Run broker, worker and generator together, show the alerts, and end with a table.

    Event time runs faster than the clock, so that customers get a history within seconds.
    """
    console = Console()
    with _terminable(), Stage(seconds or DEFAULT_SECONDS) as stage:
        _start(stage, console)
        score = Score()
        elapsed = _watch(stage, score, console)
        _print_table(stage, score, elapsed, console)
        if seconds is None:
            console.print(f"The page stays at http://127.0.0.1:{stage.settings.web.port}/dashboard/ until Ctrl-C.")
            _wait_for_interrupt(stage)


@contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM and Ctrl-C end the demo with everything stopped, also where a shell had told it to ignore Ctrl-C."""

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _start(stage: Stage, console: Console) -> None:
    for note in stage.notes:
        console.print(f"note: {note}")
    console.print(f"Starting the embedded broker at {stage.settings.broker.url}: {WARNING}")
    stage.start_broker()
    console.print("Starting a worker; joining its group takes a few seconds ...")
    stage.start_worker()
    console.print(f"Page: http://127.0.0.1:{stage.settings.web.port}/dashboard/  Starting the generator ...")
    stage.start_generator()


def _watch(stage: Stage, score: Score, console: Console) -> float:
    """Show progress and alerts until all is scored; seconds it took."""
    topics = stage.settings.topics
    consumer = _reader(stage)
    began = time.monotonic()
    done_at = None
    try:
        with Live(console=console, refresh_per_second=4, transient=True) as live:
            while done_at is None or time.monotonic() < done_at:
                messages = consumer.consume(1_000, timeout=0.01)
                _take(messages, topics.alerts, score, console)
                live.update(_progress(score, time.monotonic() - began))
                stage.check()
                done_at = _deadline(stage, bool(messages), done_at)
    finally:
        consumer.close()
    return time.monotonic() - began


def _reader(stage: Stage) -> Consumer:
    topics = stage.settings.topics
    consumer = Consumer(
        {
            **client_config(stage.settings.broker),
            "group.id": "fraud-stream-demo",
            "enable.auto.commit": False,
            "fetch.wait.max.ms": 5,  # the alerts are timed when they arrive here
        }
    )
    consumer.assign(
        [
            TopicPartition(topic, partition, OFFSET_BEGINNING)
            for topic in (topics.alerts, topics.scored)
            for partition in range(topics.partitions)
        ]
    )
    return consumer


def _deadline(stage: Stage, busy: bool, done_at: float | None) -> float | None:
    """When to stop watching: a second after the last record, once the generator has ended."""
    if not stage.generator_is_done:
        return None
    now = time.monotonic()
    return now + 1.0 if done_at is None or (busy and now < done_at + DRAIN_TIMEOUT) else done_at


def _take(messages: list[Any], alerts: str, score: Score, console: Console) -> None:
    for message in messages:
        if message.error() is not None:
            continue
        if message.topic() == alerts:
            alert = read_alert(message.value())
            if isinstance(alert, Drift) or score.add_alert(alert, time.time()):
                console.print(Text.from_ansi(lines(alert, brief=True)), soft_wrap=True)
        else:
            score.add_scored(msgspec.json.decode(message.value(), type=ScoredTransaction))


def _progress(score: Score, elapsed: float) -> Text:
    count, rate = score.rates(elapsed)
    return Text(
        f"{elapsed:5.1f} s   {count:,} transactions   {rate:,.0f}/s   {len(score.alerted):,} alerts", style="bold"
    )


def _print_table(stage: Stage, score: Score, elapsed: float, console: Console) -> None:
    truth = [msgspec.json.decode(line, type=Truth) for line in stage.truth.read_bytes().splitlines()]
    found, false = score.lines(truth)
    table = Table(title="What was found")
    for column in ("kind of fraud", "caught", "missed", "share caught"):
        table.add_column(column, justify="left" if column == "kind of fraud" else "right")
    for line in found:
        table.add_row(
            line.kind, f"{line.caught:,}", f"{line.missed:,}", f"{line.caught / (line.caught + line.missed):.0%}"
        )
    console.print(table)
    _print_summary(score, elapsed, false, sum(line.caught for line in found), console)


def _print_summary(score: Score, elapsed: float, false: int, caught: int, console: Console) -> None:
    count, rate = score.rates(elapsed)
    latencies = score.latencies()
    shown = "  ".join(f"p{share * 100:.0f} {percentile(latencies, share) * 1000:.0f} ms" for share in _PERCENTILES)
    table = Table(show_header=False)
    table.add_row("transactions", f"{count:,}")
    table.add_row("alerts", f"{len(score.alerted):,}: {caught:,} on fraud, {false:,} on genuine transactions")
    table.add_row("throughput", f"{rate:,.0f} transactions a second, as many as the generator sent")
    table.add_row("latency", f"{shown}, from the producer's timestamp to the alert")
    console.print(table)


def _wait_for_interrupt(stage: Stage) -> None:
    try:
        while True:
            stage.check()
            time.sleep(0.5)
    except KeyboardInterrupt:
        return
