"""Runs the commands that stand in a page, and compares what they print with what the page says.

A block of ``sh`` is run by bash; the block of ``text`` behind it has lines that are printed, in that order, among
others; ``…`` stands for anything.  A word behind ``sh`` says how: ``stays`` runs until the page is over, ``soon`` is
asked again until it prints what it should.
"""

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

_BLOCK = re.compile(r"^```(\w*) ?(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PATIENCE = 60.0


class Step(NamedTuple):
    """Commands, how to run them, and what they print."""

    commands: str
    how: str
    shown: tuple[str, ...]


def steps(text: str) -> list[Step]:
    """The steps of a page, in order."""
    found: list[Step] = []
    for language, how, body in _BLOCK.findall(text):
        if language == "sh":
            assert how in {"", "stays", "soon"}, how
            found.append(Step(body, how, ()))
        elif language == "text":
            found[-1] = found[-1]._replace(shown=tuple(line for line in body.splitlines() if line.strip(" …")))
    return found


def missing(shown: tuple[str, ...], printed: str) -> str | None:
    """The first line that was to be printed and was not, or not in its place."""
    lines: Iterator[str] = iter(printed.splitlines())
    for wanted in shown:
        pattern = re.compile(".*".join(map(_loosely, wanted.split("…"))))
        if not any(pattern.fullmatch(line.strip()) for line in lines):
            return wanted
    return None


def _loosely(text: str) -> str:
    """However many spaces a table has needed."""
    return r"\s*".join(re.escape(part) for part in re.split(r"\s+", text))


class Shell:
    """Runs steps in a folder, as somebody would in some terminals.

    Args:
        folder: Where.
        environ: The whole environment.
        ports: What the page's ports are here.
    """

    def __init__(self, folder: Path, environ: Mapping[str, str], ports: Mapping[str, str]) -> None:
        self._folder, self._environ, self._ports = folder, environ, ports
        self._staying: list[subprocess.Popen[bytes]] = []

    def run(self, step: Step) -> None:
        """Run a step.

        Raises:
            AssertionError: It fails, or does not print what it should.
        """
        commands, shown = self._here(step.commands), tuple(map(self._here, step.shown))
        if step.how == "stays":
            log = self._start(commands)
            wait_for(lambda: log.read_text(errors="replace"), shown, commands)
        else:
            wait_for(lambda: self._run(commands), shown, commands, PATIENCE if step.how == "soon" else 0.0)

    def _here(self, text: str) -> str:
        """With our ports, all in one step: a port of ours may have one of the page's in it, as 60669 has 6066."""
        return re.sub("|".join(self._ports), lambda found: self._ports[found[0]], text)

    def _start(self, commands: str) -> Path:
        log = self._folder / f"terminal-{len(self._staying)}.log"
        with log.open("wb") as output:
            self._staying.append(self._popen(commands, output.fileno()))
        return log

    def _run(self, commands: str) -> str:
        with self._popen(commands, subprocess.PIPE) as process:
            try:
                printed = process.communicate(timeout=2 * PATIENCE)[0].decode(errors="replace")
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                raise
        assert process.returncode == 0, f"{commands}\n{printed}"
        return printed

    def _popen(self, commands: str, output: int) -> "subprocess.Popen[bytes]":
        command = ["bash", "-euo", "pipefail", "-c", commands]
        where = {"cwd": self._folder, "env": dict(self._environ), "start_new_session": True}
        return subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, **where)  # type: ignore[call-overload,no-any-return]

    def close(self) -> list[int]:
        """Press Ctrl-C in every terminal, the newest first; the exit codes."""
        codes = []
        for process in reversed(self._staying):
            os.killpg(process.pid, signal.SIGINT)
            try:
                codes.append(process.wait(20))
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                codes.append(process.wait())
        self._staying = []
        return codes


def wait_for(read: Callable[[], str], shown: tuple[str, ...], what: str, patience: float = PATIENCE) -> None:
    """Read until all is there that is to be shown."""
    deadline = time.monotonic() + patience
    while (lacks := missing(shown, printed := read())) is not None:
        assert time.monotonic() < deadline, f"{what}\ndoes not print\n{lacks}\nbut\n{printed[-4_000:]}"
        time.sleep(0.5)
