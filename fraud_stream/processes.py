"""Child processes that never outlive their parent."""

import ctypes
import functools
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

_PR_SET_PDEATHSIG = 1


def spawn(command: Sequence[str], log: Path, environ: Mapping[str, str] | None = None) -> "subprocess.Popen[bytes]":
    """Start a program in the background; what it prints goes to `log`."""
    with log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603 - our own programs, no shell
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environ,
            start_new_session=True,  # the terminal's Ctrl-C is for us; we then stop the children
            preexec_fn=_before_exec(),  # noqa: PLW1509 - one system call, looked up before the fork
        )


def _before_exec() -> Callable[[], object] | None:
    """On Linux: what makes a child die with a parent that is killed and cannot stop it.

    The kernel watches the thread that forks, not its process, so this holds for the main thread alone.
    """
    if sys.platform != "linux" or threading.current_thread() is not threading.main_thread():
        return None
    return functools.partial(ctypes.CDLL(None).prctl, _PR_SET_PDEATHSIG, signal.SIGKILL)


def stop(process: "subprocess.Popen[bytes]", patience: float = 5.0) -> None:
    """Ask a process to end as Ctrl-C does, and end it if it does not within `patience` seconds.

    The embedded broker ends at once on SIGINT; on SIGTERM it would wait 5 s for clients that are connected.
    """
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
