import re
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from fraud_stream.access import read_people
from fraud_stream.sections import PREFIX
from fraud_stream.settings import load
from producers.generate import generate

ROOT = Path(__file__).parent.parent
COMPOSE = YAML(typ="safe").load((ROOT / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def test_compose_file_meets_the_specification():
    command = [
        sys.executable,
        "-m",
        "check_jsonschema",
        "--builtin-schema",
        "vendor.compose-spec",
        "docker-compose.yml",
    ]
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_services():
    assert set(SERVICES) == {"kafka", "kafka-ui", "worker", "generator", "prometheus", "grafana"}


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_published_on_the_loopback_only(name):
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))


@pytest.mark.parametrize("name", SERVICES)
def test_images_are_pinned_or_built_here(name):
    service = SERVICES[name]
    assert service.get("build") == "." or re.search(r":v?\d+\.\d+\.\d+$", service["image"])


@pytest.mark.parametrize("name", ["kafka-ui", "worker", "generator"])
def test_everything_waits_for_kafka(name):
    assert SERVICES["kafka"]["healthcheck"]["test"]
    assert SERVICES[name]["depends_on"]["kafka"] == {"condition": "service_healthy"}


@pytest.mark.parametrize("name", ["worker", "generator"])
def test_settings_of_the_containers_are_known_and_lead_to_kafka(name, tmp_path):
    environ = {key: filled_in(value) for key, value in SERVICES[name]["environment"].items() if key.startswith(PREFIX)}
    settings = load({**environ, "FRAUD_STREAM_CONF": str(ROOT / "faust.conf")}).settings
    (server,) = settings.broker.servers
    advertised = SERVICES["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"].split(",")
    assert f"CONTAINERS://{server}" in advertised


def filled_in(value: object) -> str:
    """A value as compose makes it where its variables are set."""
    return re.sub(r"\$\{(\w+):\?[^}]*\}", lambda found: found[1].lower() * 5, str(value))


def test_the_worker_needs_tokens_and_prometheus_has_one():
    tokens = filled_in(SERVICES["worker"]["environment"]["FRAUD_STREAM_WEB_TOKENS"])
    assert [one.role for one in read_people(tokens)] == ["admin", "viewer"]
    config = YAML(typ="safe").load((ROOT / "deploy/prometheus/prometheus.yml").read_text())
    (name,) = SERVICES["prometheus"]["secrets"]
    assert config["scrape_configs"][0]["authorization"]["credentials_file"] == f"/run/secrets/{name}"
    assert COMPOSE["secrets"][name] == {"environment": "VIEWER_TOKEN"}


def test_listeners_of_kafka_agree():
    environ = SERVICES["kafka"]["environment"]
    names = {part.split(":")[0] for part in environ["KAFKA_LISTENERS"].split(",")}
    protocols = {part.split(":")[0] for part in environ["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"].split(",")}
    assert names == protocols
    assert {environ["KAFKA_INTER_BROKER_LISTENER_NAME"], environ["KAFKA_CONTROLLER_LISTENER_NAMES"]} < names
    assert f"{environ['KAFKA_LOG_DIRS']}" == SERVICES["kafka"]["volumes"][0].split(":")[1]


def test_generator_is_called_with_options_that_exist():
    script, command, *arguments = SERVICES["generator"]["command"]
    assert (script, command) == ("fraud-stream", "generate")
    generate.make_context("generate", arguments)


def test_image_installs_what_the_lock_file_says_and_runs_without_privileges():
    assert "pip install --no-deps --require-hashes -r requirements.lock" in DOCKERFILE
    user = DOCKERFILE.rindex("\nUSER app")
    assert DOCKERFILE.index("useradd") < user < DOCKERFILE.index("\nCMD")


def test_image_is_made_of_files_that_are_let_in():
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    assert {name for names in copied for name in names.split()} == let_in


def test_wheel_is_built_by_the_python_that_runs_it():
    images = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert len(set(images)) == 1
    assert images[0].startswith("python:3.11")


def test_prometheus_scrapes_the_worker_and_grafana_asks_prometheus():
    yaml = YAML(typ="safe")
    config = yaml.load((ROOT / "deploy/prometheus/prometheus.yml").read_text())
    assert config["scrape_configs"][0]["static_configs"] == [{"targets": ["worker:6066"]}]
    (source,) = yaml.load((ROOT / "deploy/grafana/provisioning/datasources/prometheus.yml").read_text())["datasources"]
    assert source["url"] == "http://prometheus:9090"
    (provider,) = yaml.load((ROOT / "deploy/grafana/provisioning/dashboards/fraud_stream.yml").read_text())["providers"]
    for name, folder in {"prometheus": "./deploy/prometheus", "grafana": "./deploy/grafana/dashboards"}.items():
        mounts = dict(volume.split(":")[:2] for volume in SERVICES[name]["volumes"])
        assert mounts[folder] in {"/etc/prometheus", provider["options"]["path"]}
