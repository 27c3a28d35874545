"""The report: each component's section, and how all is."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from fraud_stream.monitor.batch import batch
from fraud_stream.monitor.consumer import consumer
from fraud_stream.monitor.data import data
from fraud_stream.monitor.limits import Level
from fraud_stream.monitor.model import model
from fraud_stream.monitor.predictions import predictions
from fraud_stream.monitor.section import Section, worst
from fraud_stream.monitor.seen import Seen, WorkerState

#: What makes the section of each component.
COMPONENTS: Mapping[str, Callable[[Seen], Section]] = MappingProxyType(
    {"consumer": consumer, "predictions": predictions, "model": model, "data": data, "batch": batch}
)
ALL = "all"
#: What a shell is told; 3 where nothing can be told.
EXIT_CODES: Mapping[Level, int] = MappingProxyType({"ok": 0, "warning": 1, "critical": 2, "unknown": 3})


class Report(NamedTuple):
    """What is told.

    Attributes:
        seen: What it is made of.
        sections: By component.
    """

    seen: Seen
    sections: Mapping[str, Section]

    @property
    def status(self) -> Level:
        """As the worst component."""
        return worst([section.status for section in self.sections.values()])

    @property
    def exit_code(self) -> int:
        """What a shell is told."""
        return EXIT_CODES[self.status]


def report(seen: Seen, component: str = ALL) -> Report:
    """The report of one component, or of all."""
    wanted = COMPONENTS if component == ALL else {component: COMPONENTS[component]}
    return Report(seen, {name: section(seen) for name, section in wanted.items()})


def document(made: Report) -> dict[str, Any]:
    """The report for programs; null is what cannot be told."""
    seen = made.seen
    return {
        "status": made.status,
        "exit_code": made.exit_code,
        "source": seen.source._asdict(),
        "at_seconds": seen.at,
        "asked_seconds": seen.asked,
        "span_seconds": seen.span,
        "workers": [_worker(one) for one in seen.workers],
        "components": {name: _of(section) for name, section in made.sections.items()},
    }


def _worker(one: WorkerState) -> dict[str, Any]:
    return {
        "name": one.name,
        "answers": not one.trouble,
        "trouble": one.trouble,
        "phase": one.phase,
        "is_stalled": one.is_stalled,
        "up_seconds": one.up_seconds,
        "still_seconds": one.still_seconds,
    }


def _of(section: Section) -> dict[str, Any]:
    checks = [one._asdict() for one in section.checks]
    return {"status": section.status, "note": section.note, "figures": section.figures, "checks": checks}
