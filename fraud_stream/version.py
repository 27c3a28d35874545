"""The version of this project."""

from importlib.metadata import PackageNotFoundError, version

#: As installed; a checkout that is not installed has none.
try:
    VERSION = version("fraud-stream")
except PackageNotFoundError:
    VERSION = "0+unknown"
