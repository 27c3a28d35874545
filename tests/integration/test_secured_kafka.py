"""Kafka that asks for a password, for a certificate, or for both: commands and worker reach it, and only with them."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from deploy.kafka.cluster import running
from fraud_stream.broker import free_port
from fraud_stream.settings import Settings
from tests.exact import Truth, payments
from tests.harness import ON_KAFKA, ROOT, Worker, produce, settings_for, worker

pytestmark = [
    pytest.mark.broker,
    pytest.mark.skipif(not ON_KAFKA, reason="needs Java and Maven: make test-kafka runs it"),
]
LISTENER = "listener.name.clients."
PASSWORD = "not-in-any-file"
ASKED = {"SASL_PLAINTEXT": ("SASL",), "SSL": ("TLS",), "SASL_SSL": ("SASL", "TLS")}


class Secured(NamedTuple):
    """A broker that lets in only those who show what it asks for."""

    settings: Settings
    environ: dict[str, str]


@pytest.fixture(params=list(ASKED))
def secured(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Secured]:
    protocol: str = request.param
    authority = trustme.CA()
    made = {"SASL": password(), "TLS": certificates(authority, tmp_path)}
    properties, variables = {}, {"FRAUD_STREAM_BROKER_SECURITY_PROTOCOL": protocol, "FRAUD_STREAM_MODEL_ENABLED": "no"}
    for what in ASKED[protocol]:
        properties |= made[what][0]
        variables |= made[what][1]
    port = free_port()
    with running(tmp_path / "kafka", [port], properties, protocol):
        yield Secured(*settings_for(port, tmp_path, **variables))


def password() -> tuple[dict[str, str], dict[str, str]]:
    """What the broker and what the client is told."""
    module = "org.apache.kafka.common.security.plain.PlainLoginModule"
    return (
        {
            f"{LISTENER}sasl.enabled.mechanisms": "PLAIN",
            f"{LISTENER}plain.sasl.jaas.config": f'{module} required user_fraud="{PASSWORD}";',
        },
        {"FRAUD_STREAM_BROKER_SASL_USERNAME": "fraud", "FRAUD_STREAM_BROKER_SASL_PASSWORD": PASSWORD},
    )


def certificates(authority: trustme.CA, folder: Path) -> tuple[dict[str, str], dict[str, str]]:
    """What the broker and what the client is told; each asks for the other's certificate."""
    server, client = authority.issue_cert("127.0.0.1"), authority.issue_cert("worker@example.org")
    trusted = folder / "ca.pem"
    authority.cert_pem.write_to_path(trusted)
    (folder / "server.pem").write_bytes(key_of(server) + server.cert_chain_pems[0].bytes())
    client.private_key_and_cert_chain_pem.write_to_path(folder / "client.pem")
    return (
        {
            f"{LISTENER}ssl.keystore.type": "PEM",
            f"{LISTENER}ssl.keystore.location": str(folder / "server.pem"),
            f"{LISTENER}ssl.truststore.type": "PEM",
            f"{LISTENER}ssl.truststore.location": str(trusted),
            f"{LISTENER}ssl.client.auth": "required",
        },
        {
            "FRAUD_STREAM_BROKER_SSL_CAFILE": str(trusted),
            "FRAUD_STREAM_BROKER_SSL_CERTFILE": str(folder / "client.pem"),
            "FRAUD_STREAM_BROKER_SSL_KEYFILE": str(folder / "client.pem"),
        },
    )


def key_of(certificate: trustme.LeafCert) -> bytes:
    """The key in the only form that Kafka reads."""
    key = load_pem_private_key(certificate.private_key_pem.bytes(), None)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def test_with_what_it_asks_for_all_works_and_without_it_nothing_does(secured: Secured, tmp_path: Path) -> None:
    settings, environ = secured
    produce(settings, "transactions", payments(2_000))
    with worker(environ, tmp_path) as admitted:
        Truth(settings).check()
        assert admitted.stop(patience=60) == 0  # uvloop waits 30 s for a farewell of TLS that does not come
        assert PASSWORD not in admitted.text()
    found = topics(environ)
    assert found.returncode == 0, found.stderr
    assert f"{settings.app.id}-pending-changelog" in found.stdout
    for wrong in refused(environ, tmp_path):
        check_refusal(wrong, tmp_path)


def refused(environ: Mapping[str, str], folder: Path) -> Iterator[dict[str, str]]:
    """Environments that lack one thing the broker asks for."""
    if "FRAUD_STREAM_BROKER_SASL_PASSWORD" in environ:
        yield {**environ, "FRAUD_STREAM_BROKER_SASL_PASSWORD": "wrong"}
    if "FRAUD_STREAM_BROKER_SSL_CAFILE" in environ:
        other = folder / "other.pem"
        trustme.CA().cert_pem.write_to_path(other)
        yield {**environ, "FRAUD_STREAM_BROKER_SSL_CAFILE": str(other)}
        yield {name: value for name, value in environ.items() if not name.endswith(("CERTFILE", "KEYFILE"))}


def check_refusal(environ: dict[str, str], folder: Path) -> None:
    told = topics(environ)
    assert told.returncode == 1
    assert "do not accept each other" in told.stderr
    assert any(why in told.stderr for why in ("Invalid username or password", "certificate"))
    assert "Traceback" not in told.stderr
    barred = Worker(environ, folder, "barred")
    assert barred.process.wait(60) != 0
    assert "cannot start: the broker at kafka://127.0.0.1" in barred.text()


def topics(environ: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", "from fraud_stream.cli import main; main()", "topics"]
    environ = {**environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)
