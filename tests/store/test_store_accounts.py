"""Accounts, sessions, tokens and locks mean the same on both databases, and hold against attempts at once."""

import threading
from dataclasses import replace
from datetime import date, timedelta

import pytest
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from store_factories import T0, minutes

from surveillance import passwords
from surveillance.access.person import Grant
from surveillance.accounts import FIRST, AccountFault, Register
from surveillance.admitting import NotAdmitted, Porter
from surveillance.store import accounts, api_tokens, audit, sign_in_failures
from surveillance.store.accounts import Account
from surveillance.store.api_tokens import ApiToken
from surveillance.store.database import Store
from surveillance.store.sign_in_failures import FREE_ATTEMPTS, LONGEST_WAIT, wait_after
from surveillance.store.tables_accounts import accounts as rows

KEY = b"k" * 32
LEAD = Account("lead", (Grant.parse("lead:north:falls"), Grant.parse("partner:*:*:alpha")), T0, "hash")
TOKEN = ApiToken("abcdefgh", "0" * 64, "lead", "a chart", LEAD.grants, T0, T0 + timedelta(days=2))


def register(store: Store) -> Register:
    return Register(store, KEY, lambda: T0)


def added(store: Store, account: Account = LEAD) -> Store:
    with store.transaction() as tx:
        assert accounts.add(tx, account)
    return store


def test_an_account_is_read_as_it_was_stored_and_the_first_of_an_id_stays(store: Store) -> None:
    added(store)
    with store.transaction() as tx:
        assert not accounts.add(tx, replace(LEAD, grants=()))
        assert accounts.find(tx, "lead", lock=True) == LEAD
        assert accounts.listed(tx) == [LEAD]
        assert accounts.count(tx) == 1
        assert accounts.find(tx, "another") is None


def test_a_grant_stored_before_partners_had_accounts_names_none() -> None:
    older = {"role": "partner", "scopes": None, "use_cases": None}
    assert accounts.from_json([older]) == (Grant.parse("partner"),)


def test_a_grant_of_a_role_that_there_is_no_more_grants_nothing(store: Store) -> None:
    added(store)
    gone = {"role": "chief", "scopes": None, "use_cases": None}
    with store.transaction() as tx:
        tx.execute(rows.update().values(grants=[gone, *accounts.to_json(LEAD.grants)]))
        found = accounts.find(tx, "lead")
    assert found is not None
    assert found.grants == LEAD.grants


def test_a_session_holds_until_it_or_all_of_its_generation_are_ended(store: Store) -> None:
    added(store)
    with store.transaction() as tx:
        accounts.end_session(tx, "ended", T0 + minutes(5), T0)
        assert accounts.in_session(tx, "lead", 1, "ended") is None
        assert accounts.in_session(tx, "lead", 1, "other") == LEAD
        assert accounts.in_session(tx, "lead", 2, "other") is None
        accounts.end_sessions(tx, "lead")
        assert accounts.in_session(tx, "lead", 1, "other") is None
        assert accounts.in_session(tx, "lead", 2, "other") is not None
        accounts.set_disabled(tx, "lead", T0)
        assert accounts.in_session(tx, "lead", 3, "other") is None


def test_a_subject_of_a_provider_is_one_accounts_for_good(store: Store) -> None:
    added(added(store), replace(LEAD, id="another"))
    with store.transaction() as tx:
        assert accounts.bind(tx, "https://a.example", "s", "lead")
        assert not accounts.bind(tx, "https://a.example", "s", "another")
        assert accounts.of_subject(tx, "https://a.example", "s") == LEAD
        assert accounts.of_subject(tx, "https://b.example", "s") is None
        assert accounts.provided(tx) == {"lead"}


def test_a_token_is_read_as_it_was_stored_revoked_once_and_used_by_day(store: Store) -> None:
    added(store)
    with store.transaction() as tx:
        api_tokens.add(tx, TOKEN)
        assert api_tokens.find(tx, "abcdefgh") == TOKEN
        for day in (date(2024, 3, 2), date(2024, 3, 1)):
            api_tokens.used(tx, "abcdefgh", day)
        assert api_tokens.revoke(tx, "abcdefgh", T0)
        assert not api_tokens.revoke(tx, "abcdefgh", T0 + minutes(1))
        assert not api_tokens.revoke(tx, "none", T0)
        (found,) = api_tokens.listed(tx, "lead")
    assert (found.revoked_at, found.last_used_on) == (T0, date(2024, 3, 2))
    assert not found.admits(T0)


def test_a_token_admits_until_its_end_and_not_at_it() -> None:
    assert TOKEN.admits(TOKEN.expires_at - minutes(1))
    assert not TOKEN.admits(TOKEN.expires_at)


def test_the_wait_grows_and_has_an_end() -> None:
    waits = [wait_after(failures).total_seconds() for failures in range(4, 14)]
    assert waits == [0, 30, 60, 120, 240, 480, 900, 900, 900, 900]
    assert wait_after(10**9) == LONGEST_WAIT


def test_attempts_are_counted_before_they_are_tried_and_forgotten_after_a_day(store: Store) -> None:
    def attempt(at: float) -> tuple[bool, object]:
        with store.transaction() as tx:
            return sign_in_failures.attempt(tx, "mac", T0 + minutes(at))

    for _ in range(FREE_ATTEMPTS - 1):
        assert attempt(0) == (True, None)
    assert attempt(0) == (True, T0 + minutes(0.5))
    assert attempt(0.4) == (False, T0 + minutes(0.5))
    assert attempt(0.5) == (True, T0 + minutes(1.5))
    assert attempt(24 * 60 + 1) == (True, None)


def test_attempts_at_once_do_not_outrun_the_count(store: Store) -> None:
    tried, together = [], threading.Barrier(8)

    def attempt() -> None:
        together.wait()
        for _ in range(3):
            with store.transaction() as tx:
                tried.append(sign_in_failures.attempt(tx, "mac", T0)[0])

    threads = [threading.Thread(target=attempt) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(tried), sum(tried)) == (24, FREE_ATTEMPTS)


def test_of_processes_that_start_at_once_one_makes_the_first_account(store: Store) -> None:
    made: list[str | None] = []
    threads = [threading.Thread(target=lambda: made.append(register(store).add_first())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (password,) = [one for one in made if one is not None]
    porter = Porter(store, KEY, KEY, lambda: T0)
    assert porter.by_password(FIRST, password).id == FIRST
    assert register(store).add_first() is None


def test_a_hash_of_weaker_settings_is_made_anew_at_the_next_sign_in(store: Store) -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(b"correct horse battery")
    added(store, replace(LEAD, password_hash=weak))
    Porter(store, KEY, KEY, lambda: T0).by_password("lead", "correct horse battery")
    kept = register(store).account("lead").password_hash
    assert kept is not None
    assert kept != weak
    assert not passwords.is_outdated(kept)
    assert register(store).account("lead").generation == 1, "nobody is signed out by it"


def test_somebody_without_a_password_is_tried_against_a_hash_of_the_usual_settings() -> None:
    assert not passwords.verify(None, "correct horse battery")
    assert not passwords.is_outdated(passwords._NOBODYS)
    with pytest.raises(VerifyMismatchError):  # it is well formed: the attempt takes as long as any other
        PasswordHasher().verify(passwords._NOBODYS, "correct horse battery")


@pytest.mark.parametrize(
    "password", ["short", "x" * 201, "aaaaaaaaaaaaaaaa", "the-operator-1-password", "ababababababab"]
)
def test_a_poor_password_is_refused_by_its_rule(store: Store, password: str) -> None:
    with pytest.raises(AccountFault, match="a password"):
        register(store).add("operator-1", [], "test", password)


def test_a_password_is_the_same_however_a_keyboard_writes_its_letters(store: Store) -> None:
    register(store).add("lead", [], "test", "caf\u00e9 au lait, twice")
    assert Porter(store, KEY, KEY, lambda: T0).by_password("lead", "cafe\u0301 au lait, twice")


def test_every_change_of_an_account_is_on_the_chain_or_did_not_happen(store: Store) -> None:
    made = register(store)
    made.add("lead", [Grant.parse("lead")], "operator", "correct horse battery")
    made.disable("lead", "operator")
    made.disable("lead", "operator")
    with pytest.raises(NotAdmitted):
        Porter(store, KEY, KEY, lambda: T0).by_password("lead", "correct horse battery")
    with store.reading() as tx:
        audit.verify(tx, KEY)
        said = [entry.act for entry in audit.of_subject(tx, "account/lead")]
    assert said == ["added account", "disabled account", "sign-in failed"]
