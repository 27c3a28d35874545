import re
from pathlib import Path

import pytest

from fraud_stream.errors import SettingsError
from fraud_stream.sections import parse_duration
from fraud_stream.settings import FILE_VARIABLE, SECTIONS, Settings, load, variable_name

ROOT = Path(__file__).parent.parent
SHIPPED = (ROOT / "faust.conf").read_text(encoding="utf-8")
FIELDS = [(section, key) for section, kind in SECTIONS.items() for key in kind.model_fields]


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    """A working directory without a file of settings."""
    monkeypatch.chdir(tmp_path)


def load_text(text: str, folder: Path, **environ: str):
    path = folder / "faust.conf"
    path.write_text(text, encoding="utf-8")
    return load({FILE_VARIABLE: str(path), **environ})


def complaint(text: str, folder: Path, **environ: str) -> str:
    with pytest.raises(SettingsError) as caught:
        load_text(text, folder, **environ)
    return str(caught.value)


def test_defaults_need_no_file():
    assert load({}) == (Settings(), {})


def test_file_in_the_working_directory_is_read(tmp_path):
    (tmp_path / "faust.conf").write_text("[app]\nid = here\n")
    assert load({}).settings.app.id == "here"


def test_environment_wins_over_the_file_and_both_are_named_as_sources(tmp_path):
    text = "[broker]\nurl = kafka://file:1\n[web]\nport = 7000\n"
    settings, sources = load_text(text, tmp_path, FRAUD_STREAM_BROKER_URL="kafka://environment:2")
    assert settings.broker.servers == ["environment:2"]
    assert settings.web.port == 7000
    assert sources["broker", "url"] == "FRAUD_STREAM_BROKER_URL"
    assert sources["web", "port"] == str(tmp_path / "faust.conf")
    assert ("app", "id") not in sources


def test_keys_with_underscores_are_set_from_the_environment():
    assert load({"FRAUD_STREAM_WINDOWS_HOPPING_SIZE": "10m"}).settings.windows.hopping_size == 600.0


def test_other_variables_of_the_environment_do_not_matter():
    assert load({"PATH": "/bin", "FRAUDULENT": "1"}).settings.app.id == "fraud-stream"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("[brokr]\nurl = x\n", ["faust.conf", "no section 'brokr'", "did you mean 'broker'?"]),
        ("[broker]\nurll = x\n", ["faust.conf", "[broker] has no 'urll'", "did you mean 'url'?"]),
        ("[model]\nxyzzy = 1\n", ["[model] has no 'xyzzy'", "there are enabled, name"]),
        ("[model]\nthreshold_by = f1\n", ["[model] threshold_by = 'f1'", "'best-f1' or 'budget'"]),
        ("[evaluation]\ndays = 31\n", ["[evaluation] days = '31'", "less than or equal to 30"]),
        ("[web]\nport = 70000\n", ["[web] port = '70000'", "less than or equal to 65535", "faust.conf"]),
        ("[web]\nport = soon\n", ["[web] port = 'soon'", "valid integer"]),
        ("[broker]\nsession_timeout = 5 weeks\n", ["[broker] session_timeout = '5 weeks'", "valid number"]),
        ("[broker]\nsession_timeout = 0s\n", ["[broker] session_timeout", "greater than 0"]),
        ("[broker]\nurl = not a url\n", ["url must be like kafka://127.0.0.1:9092"]),
        ("[broker]\nsecurity_protocol = TLS\n", ["[broker] security_protocol = 'TLS'", "'SASL_SSL'"]),
        ("[broker]\nsecurity_protocol = SASL_SSL\n", ["sasl_username and FRAUD_STREAM_BROKER_SASL_PASSWORD"]),
        ("[topics]\nalerts = my alerts\n", ["[topics] alerts = 'my alerts'"]),
        ("[store]\nurl = redis://x\n", ["[store] url = 'redis://x'"]),
        ("[windows]\nhopping_size = 90s\n", ["hopping_size must be a multiple of hopping_step"]),
        ("[windows]\nhopping_step = 500ms\n", ["hopping_step must be whole seconds"]),
        ("[rule big]\nwhen = amout > 5\n", ["rule 'big'", "'amout' is unknown", "did you mean amount?"]),
        ("[rule big]\nseverity = LOW\n", ["[rule big]", "missing required field `when`"]),
        ("[rule big]\nwhen = amount > 5\nseverity = BAD\n", ["[rule big]", "'BAD'"]),
        ("[rule a]\nwhen = amount > 5\n[rule a]\nwhen = amount > 6\n", ["cannot read", "'rule a' already exists"]),
        ("[app]\nid = a\nid = b\n", ["cannot read", "option 'id'", "already exists"]),
        ("no section\n", ["cannot read", "no section headers"]),
    ],
)
def test_a_fault_is_named_with_what_is_allowed(tmp_path, text, parts):
    message = complaint(text, tmp_path)
    for part in parts:
        assert part in message


def test_unknown_key_of_a_rule_is_named(tmp_path):
    assert "sevrity" in complaint("[rule big]\nwhen = amount > 5\nsevrity = LOW\n", tmp_path)


def test_every_fault_is_named_at_once(tmp_path):
    message = complaint("[web]\nport = x\n[engine]\nchunk_size = y\n", tmp_path)
    assert "[web] port" in message
    assert "[engine] chunk_size" in message


@pytest.mark.parametrize(
    ("variable", "part"),
    [
        ("FRAUD_STREAM_BROKR_URL", "there is no section 'brokr'"),
        ("FRAUD_STREAM_BROKER_URLL", "[broker] has no 'urll'"),
        ("FRAUD_STREAM_BROKER", "[broker] has no ''"),
        ("FRAUD_STREAM_", "there is no section ''"),
    ],
)
def test_unknown_variable_of_the_environment_is_named(variable, part):
    with pytest.raises(SettingsError) as caught:
        load({variable: "x"})
    assert f"environment variable {variable}: " in str(caught.value)
    assert part in str(caught.value)


def test_wrong_value_of_the_environment_names_its_variable():
    with pytest.raises(SettingsError, match=r"\[web\] port = '0'.*from FRAUD_STREAM_WEB_PORT"):
        load({"FRAUD_STREAM_WEB_PORT": "0"})


@pytest.mark.parametrize("key", ["sasl_password", "ssl_key_password"])
def test_secret_in_the_file_is_refused_and_never_repeated(tmp_path, key):
    message = complaint(f"[broker]\n{key} = tiger\n", tmp_path)
    assert f"set FRAUD_STREAM_BROKER_{key.upper()}" in message
    assert "tiger" not in message


def test_secret_comes_from_the_environment_and_is_not_shown():
    settings = load({"FRAUD_STREAM_BROKER_SASL_PASSWORD": "tiger"}).settings
    assert settings.broker.sasl_password.get_secret_value() == "tiger"
    assert "tiger" not in repr(settings)


def test_file_that_is_named_must_be_there(tmp_path):
    with pytest.raises(SettingsError, match="cannot read"):
        load({FILE_VARIABLE: str(tmp_path / "nowhere.conf")})


def test_file_that_is_no_text_is_an_error(tmp_path):
    path = tmp_path / "binary.conf"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="cannot read"):
        load({FILE_VARIABLE: str(path)})


@pytest.mark.parametrize(
    ("text", "seconds"), [("250ms", 0.25), ("90s", 90.0), ("1.5h", 5_400.0), (" 5m ", 300.0), ("30 d", 2_592_000.0)]
)
def test_lengths_of_time(text, seconds):
    assert parse_duration(text) == seconds


def test_shipped_file_holds_the_defaults(tmp_path):
    settings, sources = load({FILE_VARIABLE: str(ROOT / "faust.conf")})
    assert settings.model_copy(update={"rules": ()}) == Settings()
    assert len(settings.rules) >= 10
    assert {place for place in sources if not place[0].startswith("rule ")} <= set(FIELDS)


@pytest.mark.parametrize(("section", "key"), FIELDS)
def test_shipped_file_shows_every_setting(section, key):
    part = re.search(rf"^\[{section}\]$(.*?)(?=^\[|\Z)", SHIPPED, re.MULTILINE | re.DOTALL)
    assert part, f"no section {section}"
    written = re.search(rf"^(# )?{key} =", part[1], re.MULTILINE)
    assert written or variable_name(section, key) in part[1]


@pytest.mark.parametrize(("section", "key"), FIELDS)
def test_every_setting_is_known_to_the_environment(section, key):
    try:
        load({variable_name(section, key): "?"})
        told = ""  # a name may be anything
    except SettingsError as error:
        told = str(error)
    assert "has no" not in told
    assert not told or f"[{section}]" in told  # the value is wrong; the name is known


@pytest.mark.parametrize("name", ['a"b', "a\\b"])
def test_a_field_name_that_json_must_escape_is_refused(name, tmp_path):
    assert "[fields] amount" in complaint(f"[fields]\namount = {name}\n", tmp_path)


@pytest.mark.parametrize(
    ("variable", "value", "named"),
    [
        ("FRAUD_STREAM_MODEL_PUBLISH_INTERVAL", "2m", "[model] publish_interval = 120s"),
        ("FRAUD_STREAM_EVALUATION_PUBLISH_INTERVAL", "2m", "[evaluation] publish_interval = 120s"),
        ("FRAUD_STREAM_ENGINE_FLUSH_INTERVAL", "31s", "[engine] flush_interval = 31s"),
        ("FRAUD_STREAM_ENGINE_STUCK_AFTER", "59s", "[broker] rebalance_timeout = 30s"),
        ("FRAUD_STREAM_BROKER_SESSION_TIMEOUT", "31s", "[broker] session_timeout = 31s"),
    ],
)
def test_a_sound_worker_is_never_taken_for_a_stuck_one(variable: str, value: str, named: str) -> None:
    with pytest.raises(SettingsError) as told:
        load({variable: value})
    assert str(told.value).startswith("[engine] stuck_after = ")
    assert f"must be at least twice {named}, or" in str(told.value)
