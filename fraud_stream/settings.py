"""The settings: ``faust.conf`` and the environment over it, as one validated object.

``[broker] url`` in the file is ``FRAUD_STREAM_BROKER_URL`` in the environment.  Secrets come from there alone.
"""

import configparser
import difflib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Self

import msgspec
from pydantic import ValidationError, model_validator

from fraud_stream.domain.features import FeatureMaker, FeatureSettings
from fraud_stream.domain.intake import Limits
from fraud_stream.domain.rules import Rule, RuleError, compiled_rules
from fraud_stream.errors import SettingsError
from fraud_stream.sections import (
    PREFIX,
    AlertSettings,
    AnomalySettings,
    AppSettings,
    BrokerSettings,
    ChallengerSettings,
    DriftSettings,
    EngineSettings,
    EvaluationSettings,
    FeatureSection,
    FieldSettings,
    LabelSettings,
    LimitSettings,
    ModelSettings,
    MonitorSettings,
    Section,
    StoreSettings,
    SummarySettings,
    TopicSettings,
    WarehouseSettings,
    WebSettings,
    WindowSettings,
)

#: The environment variable that names the file, if it is not ``faust.conf`` in the working directory.
FILE_VARIABLE = "FRAUD_STREAM_CONF"
#: What Kubernetes tells the pods of a service that is called fraud-stream.
_KUBERNETES = re.compile(PREFIX + r"(SERVICE_(HOST|PORT).*|PORT|PORT_\d+_.*)")


class Settings(Section):
    """All settings of an application."""

    app: AppSettings = AppSettings()
    broker: BrokerSettings = BrokerSettings()
    topics: TopicSettings = TopicSettings()
    store: StoreSettings = StoreSettings()
    windows: WindowSettings = WindowSettings()
    fields: FieldSettings = FieldSettings()
    limits: LimitSettings = LimitSettings()
    features: FeatureSection = FeatureSection()
    model: ModelSettings = ModelSettings()
    evaluation: EvaluationSettings = EvaluationSettings()
    challenger: ChallengerSettings = ChallengerSettings()
    anomaly: AnomalySettings = AnomalySettings()
    labels: LabelSettings = LabelSettings()
    alerts: AlertSettings = AlertSettings()
    drift: DriftSettings = DriftSettings()
    summary: SummarySettings = SummarySettings()
    engine: EngineSettings = EngineSettings()
    web: WebSettings = WebSettings()
    monitor: MonitorSettings = MonitorSettings()
    warehouse: WarehouseSettings = WarehouseSettings()
    rules: tuple[Any, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> Self:
        compiled_rules(self.rules, FeatureMaker(self.feature_settings).names)
        self._check_patience()
        return self

    def _check_patience(self) -> None:
        """What a sound worker may wait for must not pass for standing still."""
        waits = {
            "[broker] session_timeout": self.broker.session_timeout,
            "[broker] rebalance_timeout": self.broker.rebalance_timeout,
            "[engine] flush_interval": self.engine.flush_interval,
            "[model] publish_interval": self.model.publish_interval,
            "[evaluation] publish_interval": self.evaluation.publish_interval,
        }
        longest = max(waits, key=waits.__getitem__)
        if self.engine.stuck_after < 2 * waits[longest]:
            raise ValueError(
                f"[engine] stuck_after = {self.engine.stuck_after:g}s must be at least twice {longest} = "
                f"{waits[longest]:g}s, or a sound worker that waits for it would be ended"
            )

    @property
    def feature_settings(self) -> FeatureSettings:
        """What the features depend on."""
        return FeatureSettings(
            tumbling_size=self.windows.tumbling_size,
            hopping_size=self.windows.hopping_size,
            utc_offset=self.features.utc_offset,
            night_end=self.features.night_end,
            risky_payment_methods=frozenset(self.features.risky_payment_methods),
        )

    @property
    def tells_unusual(self) -> bool:
        """Whether unusual transactions are told; without a model the rules alone decide."""
        return self.anomaly.enabled and self.model.enabled

    @property
    def intake_limits(self) -> Limits:
        """What is still believed of a record."""
        return Limits(self.limits.max_bytes, self.limits.max_amount, self.limits.max_ahead)


SECTIONS = {name: field.annotation for name, field in Settings.model_fields.items() if name != "rules"}


class Loaded(NamedTuple):
    """The settings, and where each value that is not a default came from, by ``(section, key)``."""

    settings: Settings
    sources: dict[tuple[str, str], str]


def load(environ: Mapping[str, str] | None = None) -> Loaded:
    """Read the file and the environment.

    Raises:
        SettingsError: Something in them is unknown or wrong; all faults are named.
    """
    environ = os.environ if environ is None else environ
    values: dict[str, dict[str, str]] = {}
    sources: dict[tuple[str, str], str] = {}
    named = environ.get(FILE_VARIABLE)
    path = Path(named or "faust.conf")
    if named or path.exists():
        _read_file(path, values, sources)
    _read_environment(environ, values, sources)
    rules = [_rule(name.removeprefix("rule "), values.pop(name)) for name in list(values) if name.startswith("rule ")]
    return Loaded(_validated({**values, "rules": tuple(rules)}, sources), sources)


def _read_file(path: Path, values: dict[str, dict[str, str]], sources: dict[tuple[str, str], str]) -> None:
    parser = configparser.ConfigParser(interpolation=None, default_section="", strict=True)
    try:
        parser.read_string(path.read_text(encoding="utf-8"), source=str(path))
    except (OSError, UnicodeDecodeError, configparser.Error) as error:
        raise SettingsError(f"cannot read {path}: {error}") from None
    for section in parser.sections():
        _check_section(section, str(path))
        values[section] = dict(parser[section])
        for key in values[section]:
            _check_key(section, key, f"{path} [{section}] {key}")
            sources[section, key] = str(path)


def _read_environment(
    environ: Mapping[str, str], values: dict[str, dict[str, str]], sources: dict[tuple[str, str], str]
) -> None:
    for variable in sorted(environ):
        if variable.startswith(PREFIX) and variable != FILE_VARIABLE and not _KUBERNETES.fullmatch(variable):
            section, _, key = variable.removeprefix(PREFIX).lower().partition("_")
            _check_section(section, f"environment variable {variable}")
            _check_key(section, key, f"environment variable {variable}", secret=True)
            values.setdefault(section, {})[key] = environ[variable]
            sources[section, key] = variable


def _check_section(section: str, where: str) -> None:
    if section not in SECTIONS and not section.startswith("rule "):
        raise SettingsError(f"{where}: there is no section {section!r}{_nearest(section, SECTIONS)}")


def _check_key(section: str, key: str, where: str, *, secret: bool = False) -> None:
    if section.startswith("rule "):
        return
    fields = SECTIONS[section].model_fields  # type: ignore[union-attr]
    if key not in fields:
        raise SettingsError(f"{where}: [{section}] has no {key!r}{_nearest(key, fields)}")
    if not secret and _is_secret(section, key):
        raise SettingsError(f"{where}: a secret comes from the environment only; set {variable_name(section, key)}")


def _is_secret(section: str, key: str) -> bool:
    field = SECTIONS[section].model_fields.get(key) if section in SECTIONS else None  # type: ignore[union-attr]
    return field is not None and "SecretStr" in str(field.annotation)


def variable_name(section: str, key: str) -> str:
    """The environment variable of a setting.

    >>> variable_name("broker", "url")
    'FRAUD_STREAM_BROKER_URL'
    """
    return f"{PREFIX}{section}_{key}".upper()


def _nearest(name: str, known: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(name, known, 1)
    return f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(known)}"


def _rule(name: str, values: dict[str, str]) -> Rule:
    try:
        return msgspec.convert({"id": name.strip(), **values}, Rule, strict=False)
    except msgspec.ValidationError as error:
        raise SettingsError(f"[rule {name}]: {error}") from None


def _validated(values: Mapping[str, Any], sources: Mapping[tuple[str, str], str]) -> Settings:
    try:
        return Settings.model_validate(values)
    except RuleError as error:
        raise SettingsError(str(error)) from None
    except ValidationError as error:
        raise SettingsError("\n".join(_explain(fault, sources) for fault in error.errors())) from None


def _explain(fault: Any, sources: Mapping[tuple[str, str], str]) -> str:
    section, key = (*map(str, fault["loc"]), "", "")[:2]
    message = str(fault["msg"]).removeprefix("Value error, ")
    if not section:  # it is about several sections, and names them
        return message
    where = sources.get((section, key), "")
    place = f"[{section}] {key}".strip()
    given = f" = {fault['input']!r}" if key and not _is_secret(section, key) else ""
    return f"{place}{given}: {message}" + (f" (from {where})" if where else "")
