"""Which keys values lie sealed under; no key stands here."""

from sqlalchemy.orm import Mapped, mapped_column

from surveillance.store.columns import Key
from surveillance.store.tables import Base, _table


class SealingKeyRow(Base):
    """A key under which something may be sealed, with a sealed text by which the right key is known."""

    __tablename__ = "sealing_keys"

    key_id: Mapped[str] = mapped_column(Key, primary_key=True, comment="id of the key in the file of keys")
    proof: Mapped[str] = mapped_column(comment="the id itself, sealed under that key")


sealing_keys = _table(SealingKeyRow)
