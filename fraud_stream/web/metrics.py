"""``/metrics``: what this worker counts and knows, in the text format of Prometheus."""

from collections.abc import Iterator

from faust import web
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from agents import board
from agents.tally import tally
from fraud_stream.app import app
from fraud_stream.domain.histogram import Histogram
from fraud_stream.web.told import COUNTERS, GAUGES, Told


class Everything(Collector):
    """All that is told here."""

    def collect(self) -> Iterator[Metric]:
        """Each metric, with its values as they are now."""
        yield from (_family(CounterMetricFamily, told) for told in COUNTERS)
        yield from (_family(GaugeMetricFamily, told) for told in GAUGES)
        yield _histogram("event_to_decision_seconds", "from the event to its decision", tally.from_event)
        yield _histogram("broker_to_decision_seconds", "from the broker's timestamp to the decision", tally.from_broker)
        yield _histogram(
            "confidence_ratio", "the greater probability, of fraud or of none, by who decides", tally.confidence
        )
        yield from _evaluation()


def _family(kind: type[CounterMetricFamily | GaugeMetricFamily], told: Told) -> Metric:
    family = kind(f"fraud_stream_{told.name}", told.help, labels=told.labels)
    for values, value in told.values().items():
        family.add_metric(values, value)
    return family


def _histogram(name: str, text: str, histogram: Histogram) -> Metric:
    family = HistogramMetricFamily(f"fraud_stream_{name}", text)
    family.add_metric([], list(histogram.cumulative()), histogram.total)
    return family


def _evaluation() -> Iterator[Metric]:
    """What labels tell of the scores: the same on every worker."""
    families = {name: Metric(name, text, "gauge") for name, text in board.METRICS.items()}
    for sample in board.metrics():
        families[sample.name].add_sample(sample.name, dict(sample.labels), sample.value)
    yield from families.values()


registry = CollectorRegistry(auto_describe=False)
registry.register(Everything())
ProcessCollector(registry=registry)
PlatformCollector(registry=registry)
GCCollector(registry=registry)


@app.page("/metrics{slash:/?}")  # a scraper follows no redirection
class MetricsPage(web.View):
    """What this worker counts and knows."""

    async def get(self, request: web.Request, slash: str) -> web.Response:
        """The text format of Prometheus."""
        return self.bytes(generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})
