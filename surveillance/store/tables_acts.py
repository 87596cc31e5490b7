"""Tables of what people do about alerts: notes, response plans and their tasks, records that were erased."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from surveillance.store.columns import Key, RowId
from surveillance.store.sealed import SealedText
from surveillance.store.tables import Base, _table


class Note(Base):
    """What somebody wrote about an alert. Rows are only ever added."""

    __tablename__ = "alert_notes"
    __table_args__ = (Index("ix_alert_notes_alert_id", "alert_id"),)

    id: Mapped[int] = mapped_column(RowId, primary_key=True, comment="order of writing")
    alert_id: Mapped[str] = mapped_column(Key, ForeignKey("alerts.id"), comment="the alert")
    at: Mapped[datetime] = mapped_column(comment="when")
    by: Mapped[str] = mapped_column(comment="who wrote it")
    text: Mapped[str] = mapped_column(
        SealedText("alert_notes.text"), comment="what, in words that identify nobody"
    )


class ResponsePlan(Base):
    """A response to an alert, from its beginning to the close at which it is evaluated."""

    __tablename__ = "response_plans"
    __table_args__ = (Index("ix_response_plans_alert_id", "alert_id"),)

    id: Mapped[int] = mapped_column(RowId, primary_key=True, comment="number of the plan")
    alert_id: Mapped[str] = mapped_column(Key, ForeignKey("alerts.id"), comment="the alert")
    started_at: Mapped[datetime] = mapped_column(comment="when the response began")
    started_by: Mapped[str] = mapped_column(comment="who began it")
    ended_at: Mapped[datetime | None] = mapped_column(comment="when the alert was closed; null: under way")
    ended_by: Mapped[str | None] = mapped_column(comment="who closed it")
    outcome: Mapped[str | None] = mapped_column(comment="how the alert ended")
    worked: Mapped[str | None] = mapped_column(
        SealedText("response_plans.worked"), comment="evaluation: what worked"
    )
    not_worked: Mapped[str | None] = mapped_column(
        SealedText("response_plans.not_worked"), comment="evaluation: what did not, and is to change"
    )


class ResponseTask(Base):
    """One thing to do in a response: from the use case's template, or added by hand."""

    __tablename__ = "response_tasks"
    __table_args__ = (Index("ix_response_tasks_plan_id", "plan_id"),)

    id: Mapped[int] = mapped_column(RowId, primary_key=True, comment="number of the task, in order of adding")
    plan_id: Mapped[int] = mapped_column(ForeignKey("response_plans.id"), comment="the plan")
    template: Mapped[str | None] = mapped_column(comment="id in the use case's plan; null: added by hand")
    title: Mapped[str] = mapped_column(
        SealedText("response_tasks.title"), comment="what to do, in a few words"
    )
    what: Mapped[str] = mapped_column(SealedText("response_tasks.what"), comment="how, and by which guidance")
    role: Mapped[str] = mapped_column(comment="which role is to do it")
    owner: Mapped[str | None] = mapped_column(comment="who does it; null: nobody yet")
    due_at: Mapped[datetime | None] = mapped_column(comment="by when; null: no time was set")
    state: Mapped[str] = mapped_column(comment="open, done or not_needed")
    revision: Mapped[int] = mapped_column(comment="1 when it was added, then one more by each change")
    added_at: Mapped[datetime] = mapped_column(comment="when it was added")
    added_by: Mapped[str] = mapped_column(comment="who added it")
    resolved_at: Mapped[datetime | None] = mapped_column(comment="when it was done or not needed any more")
    resolved_by: Mapped[str | None] = mapped_column(comment="who said so")
    reason: Mapped[str | None] = mapped_column(
        SealedText("response_tasks.reason"), comment="why it was not needed, or how it was done"
    )


class Erasure(Base):
    """A record that was erased for good: what arrives under its id again is refused."""

    __tablename__ = "erasures"

    record_hmac: Mapped[str] = mapped_column(
        Key, primary_key=True, comment="HMAC of partner, kind and record id: the id itself is gone"
    )
    key_id: Mapped[str] = mapped_column(comment="which key the HMAC was made with")
    at: Mapped[datetime] = mapped_column(comment="when")
    by: Mapped[str] = mapped_column(comment="who erased it")
    reason: Mapped[str] = mapped_column(
        SealedText("erasures.reason"), comment="why, in words that identify nobody"
    )


alert_notes = _table(Note)
response_plans = _table(ResponsePlan)
response_tasks = _table(ResponseTask)
erasures = _table(Erasure)
