"""Prometheus metrics: of messages and work, never of people; every label is bounded by configuration."""

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)

disable_created_metrics()  # type: ignore[no-untyped-call]

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_DAYS = (0.25, 0.5, 1, 2, 3, 5, 7, 10, 14, 21, 30, 42, 60, 90, 180, 365)

MESSAGES = Counter("surveillance_messages", "Messages handled", ["topic", "outcome"])
REFUSALS = Counter("surveillance_refusals", "Messages refused, by reason", ["topic", "code"])
ADAPTED = Counter(
    "surveillance_adapter_messages", "Messages that an adapter answered", ["partner", "protocol", "answer"]
)
REPORT_DELAY = Histogram(
    "surveillance_report_delay_days", "From occurrence to report", ["partner"], buckets=_DAYS
)
BATCH_SECONDS = Histogram("surveillance_batch_seconds", "One batch decoded and stored", buckets=_SECONDS)
STEP_SUCCEEDED = Gauge(
    "surveillance_step_succeeded_timestamp_seconds", "When a step of this worker last succeeded", ["step"]
)
OUTAGES = Counter("surveillance_outages", "Work that waited for a database or broker", ["step"])

LAG = Gauge("surveillance_lag_messages", "End offset less the ledger's mark", ["topic", "partition"])
LEDGER_GAP = Gauge(
    "surveillance_ledger_gap_messages", "Offsets below the end that are unhandled", ["topic", "partition"]
)
LEDGER_OWED = Gauge(
    "surveillance_ledger_owed_messages",
    "Offsets that should have been handled by now, and that the repair could not handle either",
    ["topic", "partition"],
)
LOST = Gauge(
    "surveillance_lost_offsets", "Offsets that expired before they were handled", ["topic", "partition"]
)
REPAIRED = Counter("surveillance_repaired_messages", "Messages that the ledger's repair handled", ["topic"])

EVALUATIONS = Counter("surveillance_evaluations", "Evaluations finished", ["use_case", "outcome"])
EVALUATION_SECONDS = Histogram(
    "surveillance_evaluation_seconds", "One evaluation, claim to commit", ["use_case"], buckets=_SECONDS
)
EVALUATIONS_WAITING = Gauge("surveillance_evaluations_waiting", "Pending evaluations")
EVALUATIONS_AGE = Gauge(
    "surveillance_evaluations_oldest_age_seconds", "For how long the oldest pending evaluation has waited"
)
ALERTS = Gauge("surveillance_alerts", "Alerts by state", ["use_case", "state"])
ALERTS_OVERDUE = Gauge(
    "surveillance_alerts_overdue",
    "Alerts whose next step is late, by the state they are in",
    ["use_case", "state"],
)
ALERT_CHANGES = Counter("surveillance_alert_changes", "Changes of alerts", ["use_case", "change"])
ALERT_LATENCY = Histogram(
    "surveillance_alert_latency_seconds",
    "From the receipt of the oldest waiting event to its evaluation stored",
    ["use_case"],
    buckets=_SECONDS,
)

OUTBOX_AGE = Gauge("surveillance_outbox_age_seconds", "Age of the oldest notice not yet sent nor held")
OUTBOX_AGE_OF = Gauge(
    "surveillance_receiver_outbox_age_seconds",
    "Age of the oldest notice not yet sent to a receiver, those aside that are held",
    ["receiver"],
)
OUTBOX_HELD = Gauge("surveillance_outbox_held", "Notices held now, by reason", ["reason"])
OUTBOX_REFUSED = Gauge(
    "surveillance_outbox_refused", "Notices refused for good, which wait for a replay", ["receiver"]
)
RECEIVER_FAILURES = Gauge(
    "surveillance_receiver_failures", "Failures in a row since the receiver last took something", ["receiver"]
)
DELIVERIES = Counter("surveillance_deliveries", "Attempts to send a notice", ["channel", "outcome"])
SUPPRESSED = Counter("surveillance_suppressed", "Notices dropped or held, by reason", ["reason"])
PARTNER_SILENCE = Gauge(
    "surveillance_partner_silence_seconds", "Since a partner's last message", ["partner", "kind"]
)
PARTNER_SILENT = Gauge(
    "surveillance_partner_silent", "1 where silence is longer than expected", ["partner", "kind"]
)
PARTNER_QUIET = Gauge(
    "surveillance_partner_quiet",
    "1 where a partner sends unusually few new records by its own past, at the last midnight",
    ["partner", "kind"],
)

CONFIGURATION_CHANGED = Gauge(
    "surveillance_configuration_changed",
    "1 where files of the configuration are not those that this worker read when it started: restart it",
)

PARTNER_MESSAGES = Counter(
    "surveillance_partner_messages",
    "Messages of a partner, by what became of them",
    ["partner", "kind", "outcome"],
)
PARTNER_REFUSALS = Counter(
    "surveillance_partner_refusals", "Messages of a partner refused, by reason", ["partner", "kind", "code"]
)
PARTNER_DELAY = Histogram(
    "surveillance_partner_delay_days",
    "From occurrence to receipt of live messages that say something new",
    ["partner", "kind"],
    buckets=_DAYS,
)
PARTNER_TO_CORRECT = Gauge(
    "surveillance_partner_refusals_open",
    "Refusals that wait for a correction, by reason",
    ["partner", "code"],
)
PARTNER_COMPLETENESS = Gauge(
    "surveillance_partner_completeness",
    "Share of the records of this month and the two before that have an optional field",
    ["partner", "kind", "field"],
)

AUDIT_ENTRIES = Gauge("surveillance_audit_entries", "Entries of the audit chain; it never falls")
AUDIT_BROKEN = Gauge("surveillance_audit_broken", "1 where the audit chain is not as it was written")
AUDIT_VERIFIED = Gauge(
    "surveillance_audit_verified_timestamp_seconds",
    "When this worker last verified the whole audit chain, by its result",
    ["result"],
)

DISK_FREE = Gauge(
    "surveillance_disk_free_ratio", "Free share of the disk with the database, where that is a file", ["disk"]
)

WEB = CollectorRegistry()
"""The pages' own: a process exports what it knows, and no zeros of what another does."""
ProcessCollector(registry=WEB)

SPOOL_BYTES = Gauge("surveillance_spool_bytes", "What partners handed in and the broker lacks", registry=WEB)
SPOOL_LIMIT = Gauge("surveillance_spool_limit_bytes", "The most that the spool may hold", registry=WEB)
SPOOL_WAITING = Gauge("surveillance_spool_submissions", "Submissions that wait in the spool", registry=WEB)
SPOOL_AGE = Gauge(
    "surveillance_spool_oldest_age_seconds", "For how long the oldest of them has waited", registry=WEB
)
SPOOL_DISK_FREE = Gauge("surveillance_spool_disk_free_ratio", "Free share of the spool's disk", registry=WEB)
REQUESTS = Counter("surveillance_web_requests", "Requests answered", ["status"], registry=WEB)
REQUEST_SECONDS = Histogram(
    "surveillance_web_request_seconds",
    "From a request to the head of its answer",
    buckets=_SECONDS,
    registry=WEB,
)
