"""The commands beside ``worker``: ``fraud-stream --help``."""

import importlib
import sys
from typing import Any, NamedTuple

import click

from fraud_stream.errors import FraudStreamError
from fraud_stream.version import VERSION

#: What a shell reports of a program that was ended with Ctrl-C: 128 + SIGINT.
INTERRUPTED = 130


class Target(NamedTuple):
    """Where a command is, as ``module:attribute``, and what it does; it is imported when it is asked for."""

    place: str
    summary: str


COMMANDS = {
    "alerts": Target("fraud_stream.commands.alerts:alerts", "Show alerts as they come."),
    "announce": Target("fraud_stream.commands.announce:announce", "Have every worker score with a saved model."),
    "archive": Target("fraud_stream.commands.archive:archive", "Write what was scored to Parquet files, by day."),
    "audit": Target("fraud_stream.commands.audit:audit", "Show who changed what, when, how and why."),
    "backtest": Target("fraud_stream.commands.backtest:backtest", "Tell what a rule would have caught and cost."),
    "broker": Target("fraud_stream.commands.broker:broker", "Run the embedded broker until Ctrl-C."),
    "config": Target("fraud_stream.commands.config:config", "Show every setting in force and where it came from."),
    "dead-letters": Target("fraud_stream.commands.dead_letters:dead_letters", "Look at dead letters and redrive them."),
    "demo": Target("fraud_stream.commands.demo:demo", "Run broker, worker and generator together."),
    "drift": Target("fraud_stream.commands.drift:drift", "Tell which drifts the stream would have found in a file."),
    "evaluate": Target("fraud_stream.commands.evaluate:evaluate", "Judge the models on a file of labelled payments."),
    "features": Target("fraud_stream.commands.features:features", "List the features and fields that rules may use."),
    "generate": Target("producers.generate:generate", "Make transactions: into a file or onto the topic."),
    "lists": Target("fraud_stream.commands.lists:lists", "Allow, deny or snooze customers, merchants and devices."),
    "models": Target("fraud_stream.commands.models:models", "List the models that are announced, and who decides."),
    "monitor": Target("fraud_stream.commands.monitor:monitor", "Tell how the workers do, by figures and checks."),
    "pipeline": Target("fraud_stream.commands.pipeline:pipeline", "Load the warehouse, a day at a time."),
    "predict": Target("fraud_stream.commands.predict:predict", "Tell what a model says of every payment of a file."),
    "promote": Target("fraud_stream.commands.promote:promote", "Have another model decide, in every worker at once."),
    "replay": Target("producers.replay:replay", "Send a file of transactions to the topic."),
    "rules": Target("fraud_stream.commands.rules:rules", "List rules and change them, in every worker at once."),
    "schema": Target("fraud_stream.commands.schema:schema", "Print the JSON Schemas or the AsyncAPI document."),
    "topics": Target("fraud_stream.commands.topics:topics", "Make the topics that are missing and list all."),
    "train": Target("fraud_stream.commands.train:train", "Fit a challenger on labelled history."),
    "worker": Target("fraud_stream.commands.worker:worker", "Run a worker: the same as faust -A fraud_stream worker."),
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are used, and whose errors are told in one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of the commands."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, or None."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].place.partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name].summary) for name in sorted(COMMANDS)])

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; an error meant for people becomes its message and exit code 1."""
        try:
            return super().invoke(ctx)
        except (KeyboardInterrupt, click.Abort) as end:
            if isinstance(end.__context__, EOFError):  # nobody was there to answer a question
                raise click.ClickException("the input ended before the question was answered") from None
            raise click.exceptions.Exit(INTERRUPTED) from None
        except Exception as error:
            if _is_for_people(error):
                raise click.ClickException(str(error)) from None
            raise


def _is_for_people(error: Exception) -> bool:
    rules = sys.modules.get("fraud_stream.domain.rules")  # it needs NumPy; where nobody imported it, it raised nothing
    return isinstance(error, FraudStreamError) or (rules is not None and isinstance(error, rules.RuleError))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["--help", "-h"]})
@click.version_option(VERSION, prog_name="fraud-stream")
def main() -> None:
    """Real-time fraud detection on Faust and Kafka.

    Settings come from faust.conf in the working directory and from the environment; `fraud-stream config` shows them.
    """
