"""The errors this project raises for people to read."""


class FraudStreamError(Exception):
    """Base of every error whose message is meant for the user."""


class SettingsError(FraudStreamError):
    """A setting is unknown, wrong or missing."""


class ModelError(FraudStreamError):
    """A model cannot be used with this application's features."""


class BrokerError(FraudStreamError):
    """The broker cannot be started or reached."""


class InputFileError(FraudStreamError):
    """A file cannot be read as transactions."""


class OutputFileError(FraudStreamError):
    """A file cannot be written, or is there already."""


class MonitorError(FraudStreamError):
    """It cannot be told how the workers do."""


class HistoryError(FraudStreamError):
    """History cannot tell what a rule would have done."""


class ChangeError(FraudStreamError):
    """A change of rules or lists cannot be made, or was not."""


class StateError(FraudStreamError):
    """A table holds something that this version cannot read."""


class WarehouseError(FraudStreamError):
    """The warehouse cannot be reached or changed."""


class PipelineError(FraudStreamError):
    """A step of the batch pipeline cannot be run."""


class ArchiveError(FraudStreamError):
    """An archive cannot be read or written."""
