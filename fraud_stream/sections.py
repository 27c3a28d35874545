"""The sections of the settings: their keys, defaults, and what each may be."""

import re
from functools import cached_property, lru_cache
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, field_validator, model_validator

from fraud_stream.access import Person, read_people
from fraud_stream.models import batch, promotion
from fraud_stream.models.promotion import Decides

#: What the environment variables of settings begin with.
PREFIX = "FRAUD_STREAM_"
#: Keys of the models topic that are no name of the online model.
RESERVED_NAMES = (batch.NAME, promotion.NAME)
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}


def parse_duration(value: object) -> object:
    """Seconds of ``90``, ``90s``, ``5m``, ``1h`` or ``30d``; anything else is left for the validation to refuse.

    >>> parse_duration("5m"), parse_duration("250ms")
    (300.0, 0.25)
    """
    found = re.fullmatch(r"([0-9.]+)\s*(ms|s|m|h|d)", str(value).strip())
    return float(found[1]) * _UNITS[found[2]] if found else value


def _parse_list(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


_LENGTHS = BeforeValidator(parse_duration), Field(gt=0, le=3_650 * 86_400, allow_inf_nan=False)
Duration = Annotated[float, *_LENGTHS]
OptionalDuration = Annotated[float | None, *_LENGTHS]
Words = Annotated[list[str], BeforeValidator(_parse_list)]
TopicName = Annotated[str, Field(pattern=r"^[a-zA-Z0-9._-]{1,249}$")]
#: Quotes, backslashes and control characters would have to be escaped in JSON; nobody names a field so.
FieldName = Annotated[str, Field(pattern=r'^[^"\\\x00-\x1f]{1,256}$')]
Port = Annotated[int, Field(ge=1, le=65_535)]


class Section(BaseModel):
    """A section of the file; a key that it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class BrokerSettings(Section):
    """Where Kafka is and how to speak to it."""

    url: str = Field("kafka://127.0.0.1:9092", description="brokers as kafka://host:port;kafka://host:port")
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "PLAIN"
    sasl_username: str | None = None
    sasl_password: SecretStr | None = Field(None, description="environment only")
    ssl_cafile: Path | None = Field(None, description="certificates of the authorities to trust (PEM)")
    ssl_certfile: Path | None = Field(None, description="the client's certificate (PEM)")
    ssl_keyfile: Path | None = Field(None, description="the client's key (PEM)")
    ssl_key_password: SecretStr | None = Field(None, description="environment only")
    session_timeout: Duration = Field(
        6.0, description="a worker silent for so long is given up; decides take-over time"
    )
    heartbeat_interval: Duration = 1.0
    rebalance_timeout: Duration = 30.0

    @property
    def servers(self) -> list[str]:
        """The brokers as host:port.

        >>> BrokerSettings(url="kafka://a:1;kafka://b").servers
        ['a:1', 'b:9092']
        """
        hosts = [part.strip().removeprefix("kafka://") for part in re.split("[;,]", self.url) if part.strip()]
        return [host if re.search(r":\d+$", host) else f"{host}:9092" for host in hosts]

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.servers or any(
            not re.fullmatch(r"([\w.-]+|\[[0-9a-fA-F:]+\]):\d+", server) for server in self.servers
        ):
            raise ValueError("url must be like kafka://127.0.0.1:9092")
        if self.heartbeat_interval > self.session_timeout / 2:
            raise ValueError("heartbeat_interval must be at most half of session_timeout")
        for name in ("ssl_cafile", "ssl_certfile", "ssl_keyfile"):
            path = getattr(self, name)
            if path is not None and not path.is_file():
                raise ValueError(f"{name}: there is no file {path}")
        if self.security_protocol.startswith("SASL") and not (self.sasl_username and self.sasl_password):
            raise ValueError(f"sasl_username and {PREFIX}BROKER_SASL_PASSWORD are needed for {self.security_protocol}")
        return self


class TopicSettings(Section):
    """Names of the topics, and what new ones are made with."""

    transactions: TopicName = "transactions"
    labels: TopicName = "labels"
    alerts: TopicName = "alerts"
    scored: TopicName = "scored"
    labelled: TopicName = "labelled"
    models: TopicName = "models"
    merchant_risk: TopicName = "merchant-risk"
    rules: TopicName = "rules"
    summaries: TopicName = "summaries"
    audit: TopicName = "audit"
    dead: TopicName = "transactions-dead"
    late: TopicName = "transactions-late"
    partitions: int = Field(4, ge=1, le=10_000, description="of transactions, and so of every topic keyed by customer")
    replication: int = Field(1, ge=1, le=32)


class StoreSettings(Section):
    """Where the tables are kept."""

    url: str = Field("memory://", pattern="^(memory|rocksdb)://", description="memory:// or rocksdb://")
    datadir: Path = Field(Path(".fraud-stream"), description="one folder for each worker of a machine")


class WindowSettings(Section):
    """Sizes of the windows."""

    tumbling_size: Duration = 3_600.0
    tumbling_expires: Duration = Field(
        86_400.0, description="kept so long after its end, in stream time, rounded up to whole steps"
    )
    hopping_size: Duration = 300.0
    hopping_step: Duration = 60.0
    hopping_expires: Duration = 3_600.0
    max_events: int = Field(
        1_000, ge=1_000, le=1_000_000, description="of a customer kept one by one; older ones share buckets"
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        for name, step in (("hopping_step", self.hopping_step), ("tumbling_size", self.tumbling_size)):
            if step < 1 or step % 1:
                raise ValueError(f"{name} must be whole seconds, 1 or more")
        if self.hopping_size % self.hopping_step or self.hopping_size < self.hopping_step:
            raise ValueError("hopping_size must be a multiple of hopping_step")
        return self


class FieldSettings(Section):
    """What the transactions call each field, where it is not its own name."""

    transaction_id: FieldName | None = None
    customer_id: FieldName | None = None
    timestamp: FieldName | None = None
    amount: FieldName | None = None
    merchant_id: FieldName | None = None
    product_category: FieldName | None = None
    payment_method: FieldName | None = None
    device_type: FieldName | None = None
    device_id: FieldName | None = None
    location: FieldName | None = None

    @property
    def names(self) -> dict[str, str]:
        """The fields that are named otherwise."""
        return {field: name for field, name in self.model_dump().items() if name}


class LimitSettings(Section):
    """What is still believed of a record; beyond it is a dead letter."""

    max_bytes: int = Field(65_536, ge=1, le=10_000_000)
    max_amount: float = Field(1_000_000.0, gt=0, le=100_000_000)
    max_ahead: Duration = Field(3_600.0, description="of the broker's clock")


class FeatureSection(Section):
    """What the features depend on."""

    utc_offset: float = Field(0.0, ge=-12, le=14, description="hours that local time is ahead of UTC")
    night_end: float = Field(6.0, ge=0, le=24, description="the night lasts from midnight to this hour")
    risky_payment_methods: Words = ["Cryptocurrency", "Gift Card"]


class ModelSettings(Section):
    """The online model."""

    enabled: bool = True
    name: str = Field("online", pattern=r"^[a-zA-Z0-9._-]{1,64}$")
    learning_rate: float = Field(0.1, gt=0, le=1, description="of AdaGrad")
    undersampling: float = Field(1.0, gt=0, le=1, description="the share of the genuine transactions that is learnt")
    min_frauds: int = Field(50, ge=1, description="frauds to learn before the model is asked")
    alert_threshold: float = Field(0.5, gt=0, le=1, description="probability of fraud from which it alerts")
    threshold_by: Literal["fixed", "best-f1", "budget"] = "fixed"
    alert_budget: float = Field(100.0, gt=0, le=1e9, description="alerts of the model a day, by event time")
    decides: Decides = Field("online", description="online, challenger or blend; a promotion overrides it")
    block_threshold: float = Field(0.9, gt=0, le=1, description="risk from which the verdict is block, not review")
    publish_interval: Duration = Field(1.0, description="a changed model is published so often; in replays oftener")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.name in RESERVED_NAMES:
            raise ValueError(f"name must not be {self.name!r}, which is the key of something else on the models topic")
        return self


class ChallengerSettings(Section):
    """The challenger: gradient boosting refit on labelled history."""

    refit_every: OptionalDuration = Field(
        None, ge=1, description="of the clock of the worker that learns; without it `fraud-stream train` alone refits"
    )
    history: Duration = Field(28 * 86_400.0, description="event time before the newest labelled transaction")


class EvaluationSettings(Section):
    """Live evaluation."""

    days: int = Field(7, ge=1, le=30, description="days with labels that the figures are of")
    cards: int = Field(100, ge=1, le=1_000, description="customers who are looked at in a day: the k of Card Precision")
    publish_interval: Duration = Field(5.0, description="what labels have told is published so often")


class AnomalySettings(Section):
    """What is unusual, before the model has learnt enough and where it is uncertain; nothing without a model."""

    enabled: bool = True
    share: float = Field(0.005, gt=0, le=0.5, description="the share of the transactions that may be unusual")
    doubt: float = Field(0.2, ge=0, le=1, description="probability of fraud from which an unusual one is alerted")


class LabelSettings(Section):
    """Labels."""

    horizon: Duration = Field(
        30 * 86_400.0, description="a scored transaction waits so long for its label, stream time"
    )


class AlertSettings(Section):
    """What alerts say of each other."""

    group_within: OptionalDuration = Field(
        None, description="alerts of a customer within so much event time are a group"
    )


class DriftSettings(Section):
    """Watching for drift."""

    enabled: bool = True
    delta: float = Field(0.002, gt=0, lt=1, description="ADWIN's significance; less finds less, and later")
    refit: bool = Field(False, description="a drift of the frauds or of the missed frauds refits the challenger")


class SummarySettings(Section):
    """What is told of the stream now and then."""

    enabled: bool = True
    interval: Annotated[Duration, Field(le=300)] = 30.0


class EngineSettings(Section):
    """How the stream is processed."""

    chunk_size: int = Field(2_000, ge=1, le=100_000, description="records processed together at most")
    flush_interval: Duration = Field(0.25, description="tables are written and offsets acknowledged so often")
    stuck_after: Duration = Field(
        60.0, ge=4, description="a worker in which nothing has moved for so long ends itself, to be started again"
    )


@lru_cache(1_000)  # each request asks twice
def is_loopback(address: str) -> bool:
    """Whether an address leads to this machine alone."""
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


class WebSettings(Section):
    """The worker's web server."""

    enabled: bool = True
    host: str = Field("127.0.0.1", description="address that other workers reach this one at")
    bind: str = Field("127.0.0.1", description="address to listen on; beyond the loopback tokens are needed")
    port: Port = 6066
    tokens: SecretStr | None = Field(None, description="environment only; ROLE:NAME:TOKEN, with commas between")
    mask_for_viewers: bool = Field(False, description="viewers are told neither customers nor devices")
    allowed_hosts: Words = Field([], description="other names that browsers may call a worker on the loopback by")

    @field_validator("tokens")
    @classmethod
    def _check_tokens(cls, tokens: SecretStr | None) -> SecretStr | None:
        if tokens is not None:
            read_people(tokens.get_secret_value())
        return tokens

    @cached_property
    def people(self) -> tuple[Person, ...]:
        """Who has a token."""
        return () if self.tokens is None else read_people(self.tokens.get_secret_value())

    @property
    def is_local(self) -> bool:
        """Whether nobody beyond this machine can ask.

        >>> WebSettings().is_local, WebSettings(bind="0.0.0.0").is_local
        (True, False)
        """
        return is_loopback(self.bind)


class MonitorSettings(Section):
    """Where `fraud-stream monitor` asks, if it is not told."""

    prometheus: str = Field(
        "http://127.0.0.1:9090",
        pattern=r"^https?://\S+$",
        description="asked first; where it does not know the workers, they are",
    )


class WarehouseSettings(Section):
    """Where the batch pipeline puts what it has."""

    url: str = Field(
        "duckdb:///.fraud-stream/ecommerce_dw.duckdb",
        pattern=r"^(duckdb:///.+|snowflake://.+)$",
        description="duckdb:///FILE or snowflake://USER@ACCOUNT/DATABASE?warehouse=NAME&role=NAME",
    )
    password: SecretStr | None = Field(None, description="of Snowflake; environment only")
    private_key_file: Path | None = Field(None, description="key of the user of Snowflake (PEM), for a password")
    private_key_password: SecretStr | None = Field(None, description="environment only")


class AppSettings(Section):
    """The application."""

    id: str = Field("fraud-stream", pattern=r"^[a-zA-Z0-9._-]{1,100}$", description="the consumer group")
