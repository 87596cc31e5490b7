"""A sealed column is read back as it was written, shows nothing of it, and leaves what was plain readable."""

from base64 import b64encode
from pathlib import Path

import pytest
import sqlalchemy as sa

from surveillance.sealing import SealFault, read_keys
from surveillance.store.database import Store
from surveillance.store.sealed import SealedJson, use_keys

MARKER = {"setting": "planted marker", "age": 17}
NOTES = sa.Table(
    "sealed_notes",
    sa.MetaData(),
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("content", SealedJson("sealed_notes.content")),
)


def test_what_is_sealed_is_read_back_and_the_table_shows_nothing(empty_url: str, tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"one {b64encode(bytes(32)).decode()}\n")
    plain, sealing = Store.open(empty_url), Store.open(empty_url)
    use_keys(sealing.engine, read_keys(file))
    if plain.dialect == "sqlite":
        Path(str(plain.engine.url.database)).touch()
    with plain.transaction() as tx:
        NOTES.create(tx)
        tx.execute(sa.insert(NOTES), {"id": 1, "content": MARKER})
    with sealing.transaction() as tx:
        tx.execute(sa.insert(NOTES), [{"id": 2, "content": MARKER}, {"id": 3, "content": None}])
    with sealing.reading() as tx:
        read = tx.execute(sa.select(NOTES.c.content).order_by(NOTES.c.id)).scalars().all()
        raw = tx.execute(sa.text("SELECT CAST(content AS TEXT) FROM sealed_notes WHERE id = 2")).scalar_one()
    assert read == [MARKER, MARKER, None]
    assert "planted" not in raw
    assert raw.startswith('"sealed:one:')
    with plain.reading() as tx, pytest.raises(SealFault, match="names no keys"):
        tx.execute(sa.select(NOTES.c.content)).all()
    for store in (plain, sealing):
        store.close()
