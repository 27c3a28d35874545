"""``fraud-stream monitor``: how the workers do, for people, for programs, and for whatever calls people."""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any

import click

from fraud_stream.access import credentials, with_least_rights
from fraud_stream.commands.batch_runs import batch_runs
from fraud_stream.errors import FraudStreamError, MonitorError
from fraud_stream.monitor.prometheus import ask_prometheus
from fraud_stream.monitor.report import ALL, COMPONENTS, EXIT_CODES, Report, document, report
from fraud_stream.monitor.seen import Seen, WorkerState
from fraud_stream.monitor.text import duration, number, percent
from fraud_stream.monitor.workers import ask_workers
from fraud_stream.options import FiniteRange, WebAddress, with_default, with_options
from fraud_stream.settings import Settings, load
from fraud_stream.terminal import as_json, print_table, timestamp

#: The exit code where nothing can be told.
CANNOT_TELL = EXIT_CODES["unknown"]
_COLOURS = {"ok": "green", "warning": "yellow", "critical": "red", "unknown": "bright_black"}
#: How a figure is shown, by the unit that its name ends with.
_UNITS = {"_seconds": duration, "_ratio": percent}
_OPTIONS = (
    with_default("--component", ALL, click.Choice([ALL, *COMPONENTS]), "What to tell of."),
    with_default(
        "--hours", 24.0, FiniteRange(0.05, 8_760), "Hours to tell of; workers know what was since their start."
    ),
    click.option(
        "--prometheus",
        type=WebAddress(),
        metavar="URL",
        help="Ask this Prometheus.  [default: that of [monitor], if it knows the workers]",
    ),
    click.option("--job", metavar="NAME", help="The workers' job in Prometheus.  [default: fraud_stream]"),
    click.option(
        "--worker",
        "workers",
        type=WebAddress(),
        multiple=True,
        metavar="URL",
        help="Ask this worker; may be repeated.  [default: that of [web] host and port]",
    ),
    click.option("--quiet", is_flag=True, help="Print nothing where all is ok."),
    click.option("--json", "json_", is_flag=True, help="Print one JSON document; every unit is in its figure's name."),
)


class HealthCommand(click.Command):
    """A command whose exit codes 1 and 2 are for what it has found: what goes wrong in it is 3."""

    def make_context(self, *arguments: Any, **extra: Any) -> click.Context:
        """Read the command line."""
        try:
            return super().make_context(*arguments, **extra)
        except click.UsageError as error:
            error.exit_code = CANNOT_TELL
            raise

    def invoke(self, ctx: click.Context) -> Any:
        """Run it."""
        try:
            return super().invoke(ctx)
        except click.ClickException as error:
            error.exit_code = CANNOT_TELL
            raise
        except FraudStreamError as error:
            if ctx.params["json_"]:
                click.echo(as_json({"status": "unknown", "exit_code": CANNOT_TELL, "error": str(error)}))
            failure = click.ClickException(str(error))
            failure.exit_code = CANNOT_TELL
            raise failure from None
        except (KeyError, OverflowError, ValueError) as error:  # of metrics that are none of this version
            failure = click.ClickException(f"what was told cannot be read as this application's metrics: {error!r}")
            failure.exit_code = CANNOT_TELL
            raise failure from None


@click.command(cls=HealthCommand)
@with_options(_OPTIONS)
def monitor(component: str, quiet: bool, json_: bool, **asked: Any) -> None:
    """Tell how the workers do, by figures and checks.

    From Prometheus the figures are of the last --hours: that of --prometheus, else of [monitor] prometheus. Where there
    is none that knows the workers, or with --worker, they are asked themselves, who tell what they have counted since
    they were started; those of several are put together.

    \b
    The exit code says how all is, or the component that was asked for:
      0  healthy: every check that can be told is ok
      1  a warning
      2  critical
      3  it cannot be told: nobody answers, or the command line or a setting is wrong

    \b
    fraud-stream monitor --prometheus http://127.0.0.1:9090 --hours 24
    fraud-stream monitor --worker http://host-1:6066 --worker http://host-2:6066 --component consumer
    """  # noqa: D301 - click's mark for lines it must not join
    settings = load().settings
    seen = _seen(settings, **asked)
    if component in {ALL, "batch"}:
        seen = seen._replace(batch=batch_runs(settings.warehouse))
    made = report(seen, component)
    if not quiet or made.exit_code:
        _show(made, json_=json_)
    raise click.exceptions.Exit(made.exit_code)


def _seen(settings: Settings, hours: float, prometheus: str | None, job: str | None, workers: tuple[str, ...]) -> Seen:
    seconds, topic = hours * 3_600.0, settings.topics.transactions
    if workers and (prometheus or job):
        raise click.UsageError("--prometheus and its --job know their workers: leave out --worker, or those")
    if workers:
        return _ask_workers(settings, workers, seconds)
    address = prometheus or settings.monitor.prometheus.rstrip("/")
    try:
        return asyncio.run(ask_prometheus(address, job or "fraud_stream", seconds, topic))
    except MonitorError as error:
        if prometheus or job:
            raise
        return _ask_own(settings, seconds, f"nor is there a Prometheus that knows it: {error}")


def _ask_own(settings: Settings, seconds: float, besides: str) -> Seen:
    try:
        return _ask_workers(settings, (_own(settings),), seconds)
    except MonitorError as error:
        raise MonitorError(f"{error}\n{besides}") from None


def _ask_workers(settings: Settings, workers: tuple[str, ...], seconds: float) -> Seen:
    reader = credentials(with_least_rights(settings.web.people))
    return asyncio.run(ask_workers(workers, seconds, settings.topics.transactions, reader))


def _own(settings: Settings) -> str:
    """Where the settings have a worker serve its pages.

    Raises:
        MonitorError: They have it serve none.
    """
    if not settings.web.enabled:
        raise MonitorError("[web] enabled = false: the worker serves no pages; name others with --worker URL")
    host = f"[{settings.web.host}]" if ":" in settings.web.host else settings.web.host  # as IPv6 is written
    return f"http://{host}:{settings.web.port}"


def _show(made: Report, *, json_: bool) -> None:
    if json_:
        click.echo(as_json(document(made)))
        return
    click.secho(f"Health: {made.status}", fg=_COLOURS[made.status], bold=True)
    click.echo(_source(made.seen))
    _print_workers(made.seen)
    _print_checks(made)
    for name, section in made.sections.items():
        click.echo()
        if section.note:
            click.echo(f"{name}: {section.note}")
        if section.figures:
            print_table(name, ("figure", "value"), lines(section.figures))


def _source(seen: Seen) -> str:
    """Who was asked, and what time the counts are of."""
    span = "a time that is not known" if seen.span is None else duration(seen.span)
    if seen.source.kind == "prometheus":
        known = "" if seen.is_whole else f", of which it knows {span}"
        told = f"Prometheus at {seen.source.addresses[0]}: the last {duration(seen.asked)}{known}"
    else:
        told = f"the workers themselves: since they were started, {span} ago at most; Prometheus knows the past"
    return f"{timestamp(seen.at)}, from {told}"


def _print_workers(seen: Seen) -> None:
    click.echo()
    print_table("Workers", ("worker", "state", "up for", "last progress"), map(_worker, seen.workers))


def _worker(one: WorkerState) -> tuple[str, ...]:
    still = "-" if one.still_seconds is None else f"{duration(one.still_seconds)} ago"
    return one.name, one.trouble or one.phase, _known(one.up_seconds), still


def _known(seconds: float | None) -> str:
    return "-" if seconds is None else duration(seconds)


def _print_checks(made: Report) -> None:
    click.echo()
    rows = [(name, *check) for name, section in made.sections.items() for check in section.checks]
    print_table("Checks", ("component", "check", "status", "reason", "what to do"), rows)


def lines(figures: Mapping[str, Any], above: tuple[str, ...] = (), unit: str = "") -> Iterator[tuple[str, str]]:
    """Figures for people, those within others under the names of both, without the counts among those that are 0.

    >>> list(lines({"latency_seconds": {"p50": 0.02}, "alert_ratio": None, "lag_records": 1200}))
    [('latency p50', '20 ms'), ('alert ratio', '-'), ('lag records', '1,200')]
    """
    for name, value in figures.items():
        own = next((one for one in _UNITS if name.endswith(one)), unit)
        words = name.removesuffix("_seconds")
        path = (*above, words if above else words.replace("_", " "))  # names within others are those of fields, say
        if isinstance(value, Mapping):
            yield from lines(value, path, own)
        elif not above or value != 0 or isinstance(value, float):
            yield " ".join(path), _text(value, own)


def _text(value: Any, unit: str) -> str:
    if value is None or isinstance(value, str):
        return value or "-"
    return _UNITS.get(unit, number)(value)
