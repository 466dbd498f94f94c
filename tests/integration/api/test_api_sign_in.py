"""Sessions: who signs in, what a session opens, and every way round it that we could think of."""

from __future__ import annotations

from http.cookies import SimpleCookie

import httpx
import pytest
from argon2.exceptions import VerifyMismatchError
from calling import Calling, problem_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from lingque.bootstrap import Application
from lingque.core.clock import Instant
from lingque.core.errors import BusyError
from lingque.core.reasons import Reason, Refusal
from lingque.entry.api.authentication import COOKIE, TOKEN_HEADER
from lingque.entry.api.sign_in_limit import SignInLimit
from lingque.govern.passwords import FIRST_DELAY, LONGEST_DELAY, TRIES, Passwords, delay, weakness
from lingque.govern.tables import audit, sessions, users
from lingque.store.idempotency import idempotent_answers
from lingque.testing import FixedClock

PASSWORD = "Lantern-Festival-88"
OTHER = "Dragon-Boat-Race-5"
MINUTE = 60_000_000


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINGQUE_ACCESS__PASSWORD_MEMORY_MIB", "8")


@pytest.fixture
def signed_up(api: Calling) -> Calling:
    assert api.send("PUT", "/v1/users/carl/password", "sam", json={"password": PASSWORD}).status_code == 200
    return api


def sign_in(api: Calling, password: str = PASSWORD, user: str = "carl", **options: object) -> httpx.Response:
    return api.send("POST", "/sign-in", json={"user": user, "password": password}, **options)


class Browser:
    """Keeps the cookie, and the token that the answer told."""

    def __init__(self, api: Calling, answer: httpx.Response) -> None:
        assert answer.status_code == 200, answer.text
        self.api = api
        self.set_cookie = answer.headers["set-cookie"]
        self.secret = SimpleCookie(self.set_cookie)[COOKIE].value
        self.token = answer.json()["request_token"]

    def send(self, method: str, path: str, *, token: str | None = "", **options: object) -> httpx.Response:
        headers = {"Cookie": f"{COOKIE}={self.secret}"}
        if token is not None:
            headers[TOKEN_HEADER] = token or self.token
        return self.api.send(method, path, headers=headers, **options)


def test_a_session_opens_what_the_user_may_and_its_cookie_is_kept_from_scripts(signed_up: Calling) -> None:
    browser = Browser(signed_up, sign_in(signed_up))
    for word in ("__Host-", "Secure", "HttpOnly", "SameSite=strict", "Path=/"):
        assert word in browser.set_cookie
    assert "Domain" not in browser.set_cookie
    me = browser.send("GET", "/v1/me", token=None).json()
    assert me["user"] == "carl"
    assert me["request_token"] == browser.token
    assert browser.secret not in browser.token


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("token", [None, "x", "0" * 64])
def test_a_page_of_another_site_can_send_the_cookie_but_do_nothing_with_it(
    method: str, token: str | None, signed_up: Calling
) -> None:
    browser = Browser(signed_up, sign_in(signed_up))
    paths = {"POST": "/v1/delegations", "PUT": "/v1/me/key", "DELETE": "/v1/session", "PATCH": "/v1/me/key"}
    answer = browser.send(method, paths[method], token=token, json={"days": 3})
    assert answer.status_code in (401, 405)
    other = Browser(signed_up, sign_in(signed_up))
    assert browser.send(method, paths[method], token=other.token, json={"days": 3}).status_code in (401, 405)
    assert browser.send("GET", "/v1/me").status_code == 200


def test_signing_out_ends_it_and_only_it(signed_up: Calling) -> None:
    browser, other = Browser(signed_up, sign_in(signed_up)), Browser(signed_up, sign_in(signed_up))
    assert browser.send("DELETE", "/v1/session").status_code == 200
    problem_of(browser.send("GET", "/v1/me"), 401)
    assert other.send("GET", "/v1/me").status_code == 200


def test_a_session_that_somebody_prepared_is_not_the_one_that_begins(signed_up: Calling) -> None:
    prepared = Browser(signed_up, sign_in(signed_up))
    answer = sign_in(signed_up, headers={"Cookie": f"{COOKIE}={prepared.secret}"})
    browser = Browser(signed_up, answer)
    assert browser.secret != prepared.secret
    problem_of(prepared.send("GET", "/v1/me"), 401)
    made_up = Browser(signed_up, sign_in(signed_up, headers={"Cookie": f"{COOKIE}={'a' * 43}"}))
    assert made_up.secret != "a" * 43


def test_it_ends_without_a_request_and_in_any_case(signed_up: Calling, clock: FixedClock) -> None:
    browser = Browser(signed_up, sign_in(signed_up))
    clock.advance(15 * MINUTE)
    problem_of(browser.send("GET", "/v1/me"), 401)
    busy = Browser(signed_up, sign_in(signed_up))
    for _ in range(12 * 6 - 1):
        clock.advance(10 * MINUTE)
        assert busy.send("GET", "/v1/me").status_code == 200
    clock.advance(10 * MINUTE)
    problem_of(busy.send("GET", "/v1/me"), 401)


def test_a_disabled_user_has_nothing_that_opens(signed_up: Calling) -> None:
    browser = Browser(signed_up, sign_in(signed_up))
    assert signed_up.send("PUT", "/v1/users/carl/state", "root", json={"disabled": True}).status_code == 200
    problem_of(browser.send("GET", "/v1/me"), 401)
    problem_of(signed_up.get("/v1/me", "carl"), 401)
    assert sign_in(signed_up).status_code == 401
    assert signed_up.send("PUT", "/v1/users/carl/state", "root", json={"disabled": False}).status_code == 200
    problem_of(browser.send("GET", "/v1/me"), 401)
    assert signed_up.get("/v1/me", "carl").status_code == 200
    assert sign_in(signed_up).status_code == 200


def test_roles_that_were_taken_away_are_gone_at_once(signed_up: Calling) -> None:
    browser = Browser(signed_up, sign_in(signed_up))
    assert signed_up.send("PUT", "/v1/users/carl/roles", "sam", json={"roles": []}).status_code == 200
    assert browser.send("GET", "/v1/me").json()["actions"] == []
    problem_of(browser.send("GET", "/v1/campaigns"), 403)


def test_after_some_failures_one_has_to_wait_and_longer_each_time(signed_up: Calling, clock: FixedClock) -> None:
    for _ in range(TRIES):
        assert sign_in(signed_up, "wrong").status_code == 401
    assert sign_in(signed_up).status_code == 401, "right, but too early"
    clock.advance(MINUTE - 1)
    assert sign_in(signed_up).status_code == 401
    clock.advance(1)
    assert sign_in(signed_up, "wrong again").status_code == 401
    clock.advance(MINUTE)
    assert sign_in(signed_up).status_code == 401, "two minutes now"
    clock.advance(MINUTE)
    assert sign_in(signed_up).status_code == 200
    assert sign_in(signed_up, "wrong").status_code == 401
    assert sign_in(signed_up).status_code == 200, "begun anew"


def test_an_administrator_lifts_a_lock_with_a_new_password(signed_up: Calling) -> None:
    for _ in range(TRIES):
        sign_in(signed_up, "wrong")
    browser_before = sign_in(signed_up)
    assert browser_before.status_code == 401
    assert signed_up.send("PUT", "/v1/users/carl/password", "sam", json={"password": OTHER}).status_code == 200
    assert sign_in(signed_up).status_code == 401
    assert sign_in(signed_up, OTHER).status_code == 200
    problem_of(signed_up.send("PUT", "/v1/users/carl/password", "root", json={"password": OTHER}), 403)


def test_every_failure_reads_alike_and_is_traced_without_what_was_typed(
    signed_up: Calling, application: Application
) -> None:
    signed_up.send("PUT", "/v1/users/owen/state", "root", json={"disabled": True})
    answers = [
        sign_in(signed_up, "wrong"),
        sign_in(signed_up, user="nobody-of-that-name"),
        sign_in(signed_up, user="mia"),  # has no password
        sign_in(signed_up, user="owen"),
        sign_in(signed_up, user=PASSWORD),
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.text for answer in answers}) == 1
    with application.services.database.reading() as connection:
        traces = connection.execute(select(audit).where(audit.c.act == "refused_sign_in")).all()
        everything = repr(connection.execute(select(audit)).all()) + repr(connection.execute(select(users)).all())
        kept = repr(connection.execute(select(idempotent_answers)).all())
        open_sessions = connection.execute(select(func.count()).select_from(sessions)).scalar_one()
    assert len(traces) == 5
    assert open_sessions == 0
    assert PASSWORD not in everything + kept
    assert "nobody-of-that-name" not in everything


def test_ones_own_password_is_changed_by_the_old_one_and_ends_every_session(signed_up: Calling) -> None:
    browser, other = Browser(signed_up, sign_in(signed_up)), Browser(signed_up, sign_in(signed_up))
    wrong = browser.send("PUT", "/v1/me/password", json={"old": "wrong", "new": OTHER})
    assert problem_of(wrong, 403)["reason"] == "SIGN_IN_FAILED"
    weak = browser.send("PUT", "/v1/me/password", json={"old": PASSWORD, "new": "short"})
    assert problem_of(weak, 409)["reason"] == "PASSWORD_TOO_WEAK"
    assert "short" not in weak.text.replace("PASSWORD", "")
    assert browser.send("PUT", "/v1/me/password", json={"old": PASSWORD, "new": OTHER}).status_code == 200
    for ended in (browser, other):
        problem_of(ended.send("GET", "/v1/me"), 401)
    assert sign_in(signed_up).status_code == 401
    assert sign_in(signed_up, OTHER).status_code == 200


def test_keys_are_listed_without_what_opens_and_end_when_they_say_or_are_revoked(
    api: Calling, clock: FixedClock
) -> None:
    made = api.send("PUT", "/v1/me/key", "mia", json={"days": 2}).json()["key"]
    second = api.send("PUT", "/v1/me/key", "mia", json={"days": 2}).json()["key"]
    assert made != second
    listed = api.get("/v1/users/mia/keys", "mia")
    assert made not in listed.text
    keys = listed.json()["keys"]
    assert [key["expires_at"] is None for key in keys] == [True, False, False]
    api.keys |= {"made": made, "second": second}
    assert api.get("/v1/me", "made").json()["user"] == "mia"
    ids = [key["key_id"] for key in keys]
    problem_of(api.send("DELETE", f"/v1/users/mia/keys/{ids[0]}", "ann"), 403)
    problem_of(api.get("/v1/users/mia/keys", "ann"), 403)
    problem_of(api.send("DELETE", f"/v1/users/carl/keys/{ids[0]}", "sam"), 404)
    for key_id in ids[1:2]:
        assert api.send("DELETE", f"/v1/users/mia/keys/{key_id}", "mia").status_code == 200
    answers = {name: api.get("/v1/me", name).status_code for name in ("mia", "made", "second")}
    assert sorted(answers.values()) == [200, 200, 401]
    clock.advance(2 * 24 * 60 * MINUTE)
    assert api.get("/v1/me", "mia").status_code == 200
    problem_of(api.get("/v1/me", "made"), 401)
    problem_of(api.get("/v1/me", "second"), 401)
    first = api.get("/v1/users/mia/keys", "sam").json()["keys"][0]["key_id"]
    assert api.send("DELETE", f"/v1/users/mia/keys/{first}", "sam").status_code == 200
    problem_of(api.get("/v1/me", "mia"), 401)


def test_a_key_counts_before_a_cookie(signed_up: Calling) -> None:
    browser = Browser(signed_up, sign_in(signed_up))
    both = {"Cookie": f"{COOKIE}={browser.secret}"}
    me = signed_up.send("GET", "/v1/me", "mia", headers=both).json()
    assert (me["user"], me["request_token"]) == ("mia", None)
    wrong = {**both, "Authorization": "Bearer lq_wrong"}
    problem_of(signed_up.send("GET", "/v1/me", headers=wrong), 401)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cookie=st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=80), named=st.booleans())
def test_no_cookie_that_is_made_up_opens_anything(signed_up: Calling, cookie: str, named: bool) -> None:
    header = f"{COOKIE}={cookie}" if named else cookie
    problem_of(signed_up.send("GET", "/v1/me", headers={"Cookie": header}), 401)


@pytest.mark.parametrize(
    ("password", "weak"),
    [
        (PASSWORD, False),
        ("Aa1-567890", False),
        ("Aa1-56789", True),
        ("a" * 9 + "B1" * 60, True),
        ("alllowercase1", True),
        ("ALLCAPITALS!!", True),
        ("Carl-Festival-88", True),
        ("Fest1111ival-aa", True),
        ("灯节快乐-Lantern-1", False),
    ],
)
def test_rules_of_passwords(password: str, weak: bool) -> None:
    assert (weakness(password, "carl") is not None) is weak


@given(st.integers(0, 10**6))
def test_the_wait_never_gets_shorter_nor_longer_than_a_day(failures: int) -> None:
    assert delay(failures) <= delay(failures + 1) <= LONGEST_DELAY
    assert (delay(failures) == 0) is (failures < TRIES)
    assert delay(TRIES) == FIRST_DELAY


def test_a_try_is_counted_before_it_is_looked_at(application: Application, signed_up: Calling) -> None:
    """So a hundred at once are no more than a hundred one after the other."""
    passwords = application.services.passwords
    seen: list[int] = []

    class Slow:
        def __init__(self, hasher: object) -> None:
            self.hasher = hasher

        def verify(self, hashed: str, password: str) -> bool:
            with application.services.database.reading() as connection:
                row = connection.execute(select(users).where(users.c.user_name == "carl")).one()
                seen.append(row.failed_sign_ins)
            return self.hasher.verify(hashed, password)  # type: ignore[attr-defined,no-any-return]

        def __getattr__(self, name: str) -> object:
            return getattr(self.hasher, name)

    passwords._hasher = Slow(passwords._hasher)  # type: ignore[assignment]
    for _ in range(2):
        outcome = passwords.check("carl", "wrong", at=Instant(0))
        assert isinstance(outcome, Refusal)
        assert outcome.reason is Reason.SIGN_IN_FAILED
    assert seen == [1, 2]


# --- where tries come from, and what they cost -----------------------------------------------------------------------


def test_an_address_that_fails_too_often_has_to_wait_whatever_the_account(
    signed_up: Calling, clock: FixedClock
) -> None:
    limit = SignInLimit(clock, failures=3)
    signed_up.app.state.sign_in_limit = limit
    for name in ("one", "two", "three"):
        assert sign_in(signed_up, user=name).status_code == 401
    answer = sign_in(signed_up)
    assert problem_of(answer, 429)["type"].endswith("too-many-tries")
    assert answer.headers["retry-after"] == "60"
    clock.advance(MINUTE - 1)
    assert sign_in(signed_up).status_code == 429
    clock.advance(1)
    for _ in range(5):
        assert sign_in(signed_up).status_code == 200, "who succeeds is not counted"
    assert limit.begin("another address") is not None


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, MINUTE), st.booleans()), max_size=40))
def test_no_address_fails_more_often_within_a_minute_than_it_may(
    tries: list[tuple[str, int, bool]],
) -> None:
    time = FixedClock(Instant(0))
    limit = SignInLimit(time, failures=4)
    failed: dict[str, list[int]] = {"a": [], "b": [], "c": []}
    for address, later, right in tries:
        time.advance(later)
        recent = [at for at in failed[address] if at > time.now() - MINUTE]
        succeeded = limit.begin(address)
        assert (succeeded is None) is (len(recent) >= 4)
        if succeeded is not None and right:
            succeeded()
        elif succeeded is not None:
            failed[address].append(time.now())


def test_addresses_are_not_remembered_without_end(clock: FixedClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lingque.entry.api.sign_in_limit.KEPT_ADDRESSES", 3)
    limit = SignInLimit(clock, failures=1)
    for address in "abcd":
        assert limit.begin(address) is not None
    assert limit.begin("d") is None
    assert limit.begin("a") is not None


def test_whoever_it_is_one_hash_is_looked_at_and_no_more_at_once_than_memory_is_for(
    application: Application, signed_up: Calling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lingque.govern.passwords.LONGEST_WAIT_SECONDS", 0.01)
    passwords = Passwords(application.services.database, memory_kib=64, at_once=2)
    looks: list[str] = []
    inside: list[int] = []

    class Counting:
        def verify(self, hashed: str, _password: str) -> bool:
            looks.append(hashed)
            inside.append(1)
            if len(inside) <= 2:  # two are inside: a third finds no room
                if len(inside) == 1:
                    assert isinstance(passwords.check("carl", "wrong", at=Instant(0)), Refusal)
                else:
                    with pytest.raises(BusyError):
                        passwords.check("carl", "wrong", at=Instant(0))
            raise VerifyMismatchError

    passwords._hasher = Counting()  # type: ignore[assignment]
    assert isinstance(passwords.check("carl", "wrong", at=Instant(0)), Refusal)
    assert len(looks) == 2
    looks.clear()
    signed_up.send("PUT", "/v1/users/owen/state", "root", json={"disabled": True})
    for name in ("nobody-of-that-name", "owen", "mia"):
        assert isinstance(passwords.check(name, "wrong", at=Instant(0)), Refusal)
    # who is not there, is disabled, or has no password costs what a wrong password costs
    assert looks == [passwords._nobody] * 3


def test_nobody_s_hash_costs_what_any_hash_costs(application: Application) -> None:
    """It is understood, asks for the same work, and goes together with no password."""
    passwords = Passwords(application.services.database, memory_kib=64)
    hasher = passwords._hasher
    assert not hasher.check_needs_rehash(passwords._nobody)
    assert len(passwords._nobody) == len(hasher.hash("anything"))
    with pytest.raises(VerifyMismatchError):
        hasher.verify(passwords._nobody, "nobody")
