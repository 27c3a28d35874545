"""What a worker says of itself when it starts."""

from fraud_stream.settings import Settings

_WRITTEN = ("alerts", "scored", "labelled", "models", "merchant_risk", "summaries", "audit", "dead", "late")


def banner(settings: Settings, url: str) -> str:
    """The settings that matter most, one a line; `url` is where this worker serves its pages."""
    topics, model, windows = settings.topics, settings.model, settings.windows
    states = [rule.state for rule in settings.rules]
    lines = {
        "broker": f"{settings.broker.url} ({settings.broker.security_protocol}), group {settings.app.id}",
        "reads": f"{topics.transactions}, {topics.labels}; {topics.partitions} partitions",
        "writes": ", ".join(getattr(topics, name) for name in _WRITTEN),
        "windows": f"tumbling {windows.tumbling_size:g} s, hopping {windows.hopping_size:g} s by "
        f"{windows.hopping_step:g} s",
        "rules": f"{states.count('active')} active, {states.count('shadow')} shadow, {states.count('off')} off; "
        f"changes come on {topics.rules}",
        "model": f"{model.name}, alerts from probability {model.alert_threshold:g}, asked after {model.min_frauds} "
        "learnt frauds"
        if model.enabled
        else "none",
        "verdict": f"block from risk {model.block_threshold:g}, review below",
        "commits": f"every {settings.engine.flush_interval:g} s, chunks of at most {settings.engine.chunk_size}",
        "store": settings.store.url,
        "page": f"{url}/dashboard/" if settings.web.enabled else "not served",
        "tables": f"{url}/table/" if settings.web.enabled else "not served",
    }
    return "\n".join(["fraud_stream", *(f"  {name:<8} {text}" for name, text in lines.items())])
