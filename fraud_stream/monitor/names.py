"""The metrics that the report is made of, as `/metrics` of a worker has them."""

#: What the names of this application's metrics begin with.
PREFIX = "fraud_stream_"
#: Counters, without the ``_total`` behind.
COUNTERS = (
    "transactions_read",
    "transactions_scored",
    "transactions_special",
    "missing_fields",
    "alerts",
    "dead_letters",
    "labels",
    "drifts",
    "announcements_refused",
    "labelled_left_out",
)
HISTOGRAMS = ("broker_to_decision_seconds", "event_to_decision_seconds", "confidence_ratio")
#: What each worker has of its own.
OWN = ("worker_phase", "worker_stalled", "consumer_lag_records", "stream_timestamp_seconds")
#: What is the same on every worker but for a moment.
SHARED = (
    "model_version",
    "model_age_seconds",
    "model_labels_learnt",
    "model_decides",
    "alert_threshold_ratio",
    "labelled_ratio",
    "label_delay_seconds",
    "alerts_precision_ratio",
    "alerts_recall_ratio",
    "alerts_f1_ratio",
    "quality_average_precision_ratio",
    "quality_roc_auc_ratio",
    "quality_calibration_error_ratio",
)
GAUGES = (*OWN, *SHARED)
#: When a process was started, seconds since 1970; it is not this application's own.
STARTED = "process_start_time_seconds"
