"""The composition root: settings in, a Faust application out."""

import mode.loop

mode.loop.use("uvloop")  # before Faust is imported: 20 to 35 % less CPU

import ssl  # noqa: E402
from typing import Any  # noqa: E402

import faust  # noqa: E402
from mode import CrashingSupervisor  # noqa: E402

from fraud_stream.alert_log import use_plain_lines  # noqa: E402
from fraud_stream.banner import banner  # noqa: E402
from fraud_stream.engine.app import ExactApp  # noqa: E402
from fraud_stream.errors import SettingsError  # noqa: E402
from fraud_stream.kafka import create_topics  # noqa: E402
from fraud_stream.sections import BrokerSettings  # noqa: E402
from fraud_stream.settings import Settings, load  # noqa: E402


def create_app(settings: Settings) -> ExactApp:
    """The application that `settings` describe, without agents and tables: Faust finds those by autodiscovery."""
    broker, web = settings.broker, settings.web
    if web.enabled and not web.is_local and not web.people:
        raise SettingsError(
            f"[web] bind = {web.bind!r}: pages that others can reach need tokens; set FRAUD_STREAM_WEB_TOKENS "
            "(docs/access.md says how), or bind to 127.0.0.1"
        )
    return ExactApp(
        settings.app.id,
        origin="fraud_stream",
        autodiscover=["agents", "tables", "fraud_stream.web"],
        broker=[f"kafka://{server}" for server in broker.servers],
        broker_credentials=_credentials(broker),
        broker_session_timeout=broker.session_timeout,
        broker_heartbeat_interval=broker.heartbeat_interval,
        broker_rebalance_timeout=broker.rebalance_timeout,
        broker_request_timeout=max(30.0, broker.session_timeout),
        broker_commit_interval=1.0,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=256 * 1024,
        producer_acks=-1,
        producer_linger=0,  # the outbox makes the batches
        producer_max_batch_size=1_000_000,
        producer_max_request_size=20_000_000,
        store=settings.store.url,
        datadir=str(settings.store.datadir),
        topic_partitions=settings.topics.partitions,
        topic_replication_factor=settings.topics.replication,
        stream_wait_empty=True,
        stream_buffer_maxsize=100_000,  # of chunks: the engine's consumer fetches only as many as are needed soon
        agent_supervisor=CrashingSupervisor,
        web_enabled=web.enabled,
        web_host=web.host,
        web_bind=web.bind,
        web_port=web.port,
        web_cors_options={},
        web_tables_enabled=False,  # fraud_stream.web.tables serves these pages
        web_router_enabled=False,  # it would send a key to the wrong worker
        chunk_size=settings.engine.chunk_size,
        commit_interval=settings.engine.flush_interval,
        stuck_after=settings.engine.stuck_after,
        prepare=lambda: _prepare(settings),
    )


def _prepare(settings: Settings) -> None:
    """Make what is missing; nothing where the worker would listen to others than the settings say.

    Raises:
        SettingsError: It would: Faust has an option and a variable of its own for the address.
        BrokerError: The topics cannot be made.
    """
    bound = str(app.conf.web_bind)
    if settings.web.enabled and bound != settings.web.bind:
        raise SettingsError(
            f"this worker is told to listen on {bound} (by --web-bind or WEB_BIND), but [web] bind is "
            f"{settings.web.bind}, by which tokens are asked for; set FRAUD_STREAM_WEB_BIND instead"
        )
    create_topics(settings)


def _credentials(broker: BrokerSettings) -> Any:
    context = _ssl_context(broker) if broker.security_protocol.endswith("SSL") else None
    if broker.security_protocol.startswith("SASL"):
        return faust.SASLCredentials(
            username=broker.sasl_username,
            password=broker.sasl_password.get_secret_value() if broker.sasl_password else None,
            mechanism=broker.sasl_mechanism,
            ssl_context=context,
        )
    return faust.SSLCredentials(context) if context else None


def _ssl_context(broker: BrokerSettings) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(broker.ssl_cafile) if broker.ssl_cafile else None)
    if broker.ssl_certfile:
        password = broker.ssl_key_password.get_secret_value() if broker.ssl_key_password else None
        context.load_cert_chain(str(broker.ssl_certfile), str(broker.ssl_keyfile or broker.ssl_certfile), password)
    return context


def _made_or_exit() -> tuple[Settings, ExactApp]:
    try:
        settings = load().settings
        return settings, create_app(settings)
    except SettingsError as error:
        raise SystemExit(f"Error: {error}") from None


settings, app = _made_or_exit()


@app.task  # type: ignore[untyped-decorator]
async def announce() -> None:
    """Say what this worker does, and get ready to say what it finds."""
    use_plain_lines()
    app.log.info("%s", banner(settings, str(app.conf.canonical_url)))
