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
