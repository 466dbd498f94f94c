"""Every wrong definition is named: file, line, field, what was found and what is allowed."""

from __future__ import annotations

import pytest
from small_catalog import Workspace

from lingque.core.registries import DataClass

CONTRACTS, TAGS, CAMPAIGN, SOURCES = (
    f"definitions/{name}.yaml" for name in ("contracts", "tags", "campaign", "sources")
)
SQL = "mapping/accounts.sql"


def test_the_definitions_unbroken_make_a_catalog(workspace: Workspace) -> None:
    catalog = workspace.build()
    assert set(catalog.contracts) == {"customers", "accounts", "transactions"}
    assert set(catalog.segments) == {"spends"}
    assert catalog.tag("buys").looks_forward
    assert "buys" not in catalog.tag_types


@pytest.mark.parametrize(
    ("file", "old", "new", "line", "field", "found", "allowed"),
    [
        # the shape of a document
        (TAGS, "window: 3 months", "windw: 3 months", 6, "windw", "there is no such field", "did you mean 'window'?"),
        (TAGS, "where: category = 'shop'", "wher: category = 'shop'", 5, "wher", "no such field", "'where'?"),
        (CONTRACTS, "kind: party\n", "", 1, "kind", "is missing", "it is required"),
        (CONTRACTS, "kind: party", "kind: people", 3, "kind",
         "found 'people'", "'party', 'state', 'reference', 'event', 'consent' or 'list'"),
        (CONTRACTS, "birth_date: {type: date,", "birth_date: {type: day,", 8, "columns.birth_date.type",
         "found 'day'", "'date'"),
        (CONTRACTS, "role: valid_from}\n  score", "role: valid_from, rule: x}\n  score", 18, "columns.opened_on.rule",
         "there is no such field", "commas and indentation"),
        (CONTRACTS, "contract: customers", "contracts: customers", 1, "",
         "begins with 'contracts'", "did you mean 'contract'?"),
        (CONTRACTS, "contract: customers", "contract: Customers", 1, "contract",
         "found 'Customers'", "match pattern"),
        (CONTRACTS, "contract: transactions", "contract: decisions", 21, "", "found this", "kept for the platform"),
        (TAGS, "tag: bureau_score", "tag: customer_id", 16, "", "found this", "tag names kept for the platform"),
        (CONTRACTS, "  category:", "  bucket:", 21, "", "found this", "kept for the platform: bucket"),
        (TAGS, "window: 3 months", "window: 3 weeks", 6, "window", "found '3 weeks'", "write '90 days'"),
        (TAGS, "window: 3 months", "window: 300 years", 6, "window", "found '300 years'", "100 years at most"),
        (TAGS, "family: risk", "family: risky", 18, "family", "found 'risky'", "'risk'"),
        (TAGS, "label: {zh: 支出, en: Spending}", "label: {en: Spending}", 2, "label.zh", "is missing", "required"),
        # contracts
        (CONTRACTS, "type: money, currency: CNY", "type: money", 31, "columns.amount",
         "found this", "money has a currency"),
        (CONTRACTS, "currency: CNY", "currency: RMB", 31, "columns.amount.currency",
         "found 'RMB'", "unknown currency"),
        (CONTRACTS, "classes: [personal]", "classes: [identifier]", 8, "columns.birth_date",
         "found this", "class identifier"),
        (CONTRACTS, "birth_date: {type: date,", "birth_date: {type: date, role: valid_from,", 1, "", "found this",
         "kind party has 1 column(s) with role valid_from, not 2"),
        (CONTRACTS, "references: accounts", "references: acounts", 28, "columns.account_no.references",
         "'acounts' is no contract of kind state", "did you mean 'accounts'?"),
        (CONTRACTS, "references: accounts", "references: customers", 28, "columns.account_no.references",
         "no contract of kind state", "accounts"),
        (CONTRACTS, "kind: state", "kind: party", 11, "", "found this", "0 column(s) with role party"),
        (CONTRACTS, "  birth_date:",
         "  other_mail: {type: text, role: identifier, identifier: email}\n  birth_date:", 1, "", "found this",
         "two columns hold the same kind of identifier"),
        # sources
        (SOURCES, "contract: accounts", "contract: acounts", 3, "contract",
         "there is no contract 'acounts'", "'accounts'?"),
        (SOURCES, "mapping/accounts.sql", "mapping/none.sql", 6, "mapping",
         "cannot be read (No such file", "relative to the"),
        (SOURCES, "_{data_date}", "", 1, "", "found this", "file names hold {data_date} or 'data_date'"),
        (SQL, ", score FROM", " FROM", 6, "mapping", "does not deliver 'score'", "map-your-files"),
        (SQL, "score FROM", "score, 1 AS extra FROM", 6, "mapping", "delivers 'extra', which the contract", ""),
        (SQL, "_file, ", "", 6, "mapping", "does not deliver '_file'", ""),
        (SQL, "FROM accounts", "FROM account", 6, "mapping", "reads 'account'; did you mean 'accounts'?", ""),
        (SQL, "FROM accounts", "FROM '/etc/passwd'", 6, "mapping", "tables are named, not read by path", ""),
        (SQL, "score FROM", "hash(score) AS score FROM", 6, "mapping", "hash()", ""),
        (SQL, "SELECT", "DELETE", 6, "mapping", "", ""),
        (SQL, "FROM accounts", "FROM accounts; DROP TABLE accounts", 6, "mapping", "is not a single SELECT", ""),
        (SQL, "score FROM", "'score FROM", 6, "mapping", "is not SQL", ""),
        # tags
        (TAGS, "from: accounts", "from: acounts", 19, "from",
         "there is no table 'acounts'", "did you mean 'accounts'?"),
        (TAGS, "window: 3 months\n", "", 1, "window", "is missing", "events are read over a window"),
        (TAGS, "from: accounts", "from: accounts\nwindow: 1 month", 20, "window",
         "is too much", "states are read as they"),
        (TAGS, "where: category", "where: categori", 5, "where",
         "there is no 'categori' here, at «categori = 'shop'»",
         "did you mean 'category'?"),
        (TAGS, "value: sum(amount)", "value: sum(category)", 7, "value", "sum() needs numbers", ""),
        (TAGS, "value: sum(amount)", "value: amount", 7, "value", "is one aggregate", "use one of count"),
        (TAGS, "where: category = 'shop'", "where: amount", 5, "where", "a condition must be true or false", ""),
        (TAGS, "value: buys_next > 0", "value: spendng > cny(1)", 37, "value",
         "there is no 'spendng' here", "'spending'?"),
        (TAGS, "value: buys_next > 0", "value: sum(spending)", 37, "value", "an aggregate stands only", ""),
        (TAGS, "value: buys_next > 0", "value: 'null'", 37, "value", "is always null", "say what it is"),
        (TAGS, "value: spending > cny(100)", "where: bookings > 0\nvalue: spending > cny(100)", 22, "", "found this",
         "a derived tag has only a value"),
        # offers
        (CAMPAIGN, "eligibility: bookings > 0", "eligibility: buys", 6, "eligibility", "there is no 'buys' here", ""),
        (CAMPAIGN, "eligibility: bookings > 0", "eligibility: bookings", 6, "eligibility",
         "must be true or false", ""),
        (CAMPAIGN, "eligibility: bookings > 0", "eligibility: ''", 6, "eligibility",
         "there is nothing here", "'true'"),
        (CAMPAIGN, "valid_to: 2027-01-01", "valid_to: 2026-01-01", 1, "", "found this", "valid_to must come after"),
        (CAMPAIGN, "regime: deposit", "regime: loan\nannual_rate: 4.35", 1, "",
         "found this", "must show {annual_rate}"),
        (CAMPAIGN, "body: 您好}", "body: 年化{annual_rate}}", 12, "", "is not YAML", ""),
        (CAMPAIGN, "response: 0.05", "response: 1.0", 9, "response", "found 1.0", "less than 1"),
        (CAMPAIGN, "response: 0.05", "response: 0", 9, "response", "found 0", "greater than 0"),
        (CAMPAIGN, "margin: 180", "margin: 180.005", 1, "", "found this", "more digits than CNY"),
        (CAMPAIGN, "margin: 180", "margin: 180000000000000000000", 1, "", "found this", "64 bits"),
        (CAMPAIGN, "margin: 180", "margin: .nan", 8, "margin", "found nan", "finite"),
        (CAMPAIGN, "currency: CNY", "currency: cny", 7, "currency", "found 'cny'", "unknown currency"),
        (CAMPAIGN, "{subject: 存款,", '{subject: "a\\nb",', 12, "creatives.email.zh.subject",
         "found 'a\\nb'", "pattern"),
        # campaigns
        (CAMPAIGN, "segment: spends", "segment: spend", 17, "segment",
         "'spend' is no tag that is true or false", "'spends'?"),
        (CAMPAIGN, "segment: spends", "segment: bookings", 17, "segment", "no tag that is true or false", "spends"),
        (CAMPAIGN, "segment: spends", "segment: buys", 17, "segment", "no tag that is true or false", "spends"),
        (CAMPAIGN, "outcome: buys", "outcome: spends", 20, "outcome",
         "no true-or-false tag that looks forward", "buys"),
        (CAMPAIGN, "outcome: buys", "outcome: buys_next", 20, "outcome",
         "no true-or-false tag that looks forward", "buys"),
        (CAMPAIGN, "offers: [deposit]", "offers: [deposits]", 18, "offers",
         "there is no offer 'deposits'", "'deposit'?"),
        (CAMPAIGN, "offers: [deposit]", "offers: []", 18, "offers", "found []", "at least 1 item"),
        (CAMPAIGN, "owner: lan", "owner: lan\nlanguage: en", 19, "offers",
         "no creative for email in en", "choose another language"),
        (CAMPAIGN, "contact_cost: 0.05", "contact_cost: 0.005", 19, "channels.email.contact_cost",
         "0.005 is not an amount of CNY", "digits"),
        (CAMPAIGN, "outcome: buys", "outcome: buys\nhold_out: -1", 21, "hold_out", "found -1",
         "greater than or equal to 0"),
        (CAMPAIGN, "outcome: buys", "outcome: buys\nhold_out: 1", 21, "hold_out", "found 1", "less than 1"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else None,
)  # fmt: skip
def test_a_wrong_definition_is_named(
    workspace: Workspace, file: str, old: str, new: str, line: int, field: str, found: str, allowed: str
) -> None:
    workspace.change(file, old, new)
    problem = workspace.problems()[0]
    assert (problem.file, problem.line) == (SOURCES if file == SQL else file, line), str(problem)
    assert problem.field == field, str(problem)
    assert found in problem.found, str(problem)
    assert allowed in problem.allowed, str(problem)


def test_a_loan_states_its_rate(workspace: Workspace) -> None:
    workspace.change(CAMPAIGN, "regime: deposit", "regime: loan")
    workspace.change(CAMPAIGN, "{subject: 存款, body: 您好}", "{subject: 贷款, body: '年化 {annual_rate}'}")
    (problem,) = workspace.problems()
    assert "a loan states its annual_rate" in problem.allowed
    workspace.change(CAMPAIGN, "regime: loan", "regime: loan\nannual_rate: 4.35")
    (problem,) = workspace.problems()
    assert "names the tag of 'student'" in problem.allowed
    workspace.change(CAMPAIGN, "regime: loan", "regime: loan\nconsumer_loan: false")
    assert workspace.build().offers["deposit"].definition.annual_rate is not None


def test_the_path_of_data_that_may_not_serve_marketing_is_named(workspace: Workspace) -> None:
    """The score may serve service and risk only; it reaches the campaign through two tags, and through the offer."""
    workspace.change(TAGS, "value: spending > cny(100)", "value: rated and spending > cny(100)")
    workspace.write(
        "definitions/more.yaml", "tag: rated\nlabel: {zh: 有, en: R}\nfamily: risk\nvalue: bureau_score > 1\n"
    )
    (problem,) = workspace.problems()
    assert (problem.file, problem.field) == (CAMPAIGN, "segment")
    assert problem.found == (
        "marketing: accounts.score → bureau_score → rated → spends → campaign idle; "
        "accounts.score may serve service, risk only"
    )
    workspace.change(CAMPAIGN, "eligibility: bookings > 0", "eligibility: bureau_score > 0")
    by_segment, by_offer = workspace.problems()
    assert by_segment == problem
    assert by_offer.field == "offers.0"
    assert by_offer.found.startswith("marketing: accounts.score → bureau_score → offer deposit → campaign idle;")


def test_the_same_data_may_serve_the_purposes_that_its_columns_allow(workspace: Workspace) -> None:
    workspace.change(CAMPAIGN, "eligibility: bookings > 0", "eligibility: bureau_score > 0")
    workspace.change(CAMPAIGN, "owner: lan", "owner: lan\npurpose: risk")
    assert workspace.build().campaign("idle").purpose == "risk"


def test_a_ring_of_tags_is_named_and_the_others_are_read_all_the_same(workspace: Workspace) -> None:
    label = "label: {zh: 标签, en: Tag}\nfamily: value\n"
    ring = "---\n".join(
        f"tag: {a}\n{label}value: {b} + 1\n" for a, b in [("one", "two"), ("two", "three"), ("three", "one")]
    )
    alone = f"---\ntag: selfish\n{label}value: selfish + 1\n"
    wrong = f"---\ntag: wrong\n{label}value: spending + 1\n"
    workspace.write("definitions/ring.yaml", ring + alone + wrong)
    problems = workspace.problems()
    rings = sorted(one.found for one in problems if "is built on itself" in one.found)
    assert len(rings) == 2
    assert {part for one in rings for part in one.split(": ")[1].split(" → ")} == {"one", "two", "three", "selfish"}
    assert [one.found.split(",")[0] for one in problems if "itself" not in one.found] == [
        "money in CNY + integer would not be exact; money takes whole numbers only"
    ]


def test_a_name_stands_once_in_all_files(workspace: Workspace) -> None:
    workspace.write(
        "definitions/zz.yaml", "---\ntag: spends\nlabel: {zh: 甲, en: A}\nfamily: value\nvalue: bookings > 1\n"
    )
    (problem,) = workspace.problems()
    assert (
        str(problem)
        == "definitions/zz.yaml:2: tag: 'spends' is defined twice; it stands in definitions/tags.yaml already"
    )


def test_two_kinds_may_share_a_name(workspace: Workspace) -> None:
    workspace.change(CAMPAIGN, "campaign: idle", "campaign: spends")
    assert workspace.build().campaign("spends").segment == "spends"


def test_there_is_one_contract_of_customers(workspace: Workspace) -> None:
    text = (workspace.folder / CONTRACTS).read_text(encoding="utf-8").split("---")[0]
    workspace.write("definitions/zz.yaml", text.replace("contract: customers", "contract: people"))
    (problem,) = workspace.problems()
    assert (problem.found, problem.allowed) == ("a second contract of kind party", "'customers' is one already")


def test_one_apply_tells_every_problem_of_every_file(workspace: Workspace) -> None:
    workspace.change(TAGS, "value: sum(amount)", "value: sum(category)")
    workspace.change(TAGS, "value: buys_next > 0", "value: buys_nxt > 0")
    workspace.change(SQL, ", score FROM", ", 1 AS extra FROM")
    workspace.change(CAMPAIGN, "offers: [deposit]", "offers: [depositt]")
    found = [(one.file, one.field) for one in workspace.problems()]
    assert {(TAGS, "value"), (SOURCES, "mapping"), (CAMPAIGN, "offers"), (CAMPAIGN, "outcome")} <= set(found)
    assert found.count((SOURCES, "mapping")) == 2
    assert found.count((TAGS, "value")) >= 2


def test_one_apply_tells_every_document_of_a_wrong_shape(workspace: Workspace) -> None:
    workspace.change(TAGS, "family: risk", "family: risky")
    workspace.change(TAGS, "window: 1 month", "window: 1 week")
    workspace.change(CONTRACTS, "kind: party", "kind: people")
    workspace.write("definitions/broken.yaml", "tag: [\n")
    assert {(one.file, one.line) for one in workspace.problems()} == {
        ("definitions/broken.yaml", 2),
        (CONTRACTS, 3),
        (TAGS, 13),
        (TAGS, 18),
    }


@pytest.mark.parametrize(
    ("text", "line", "found"),
    [
        ("tag: a\n  label: b\n", 2, "is not YAML: mapping values are not allowed here"),
        ("tag: 'open\n", 2, "is not YAML"),
        ("tag: a\ntag: b\n", 2, "'tag' stands twice"),
        ("tag: a\nlabel: {zh: 甲, zh: 乙}\n", 2, "'zh' stands twice"),
        ("- tag: a\n", 1, "a document that begins with 'None'"),
        ("just words\n", 1, "a document that begins with 'None'"),
        ("label: {}\ntag: a\n", 1, "a document that begins with 'label'"),
        ("1: 2\n", 1, "a document that begins with '1'"),
        ("!!python/object/apply:os.getcwd []\n", 1, "could not determine a constructor"),
        ("tag: \0\n", 0, "is not YAML"),
        (b"tag: caf\xe9\n", 0, "is not YAML: 'utf-8' codec can't decode"),
    ],
)
def test_a_file_that_is_no_definition_is_named(workspace: Workspace, text: str | bytes, line: int, found: str) -> None:
    workspace.write("definitions/deep/er/odd.yaml", text)
    (problem,) = workspace.problems()
    assert (problem.file, problem.line) == ("definitions/deep/er/odd.yaml", line)
    assert found in problem.found


@pytest.mark.parametrize("text", ["", "\n", "---\n---\n", "# nothing yet\n", "---\n# nothing\n---\n\n"])
def test_empty_documents_are_nothing(workspace: Workspace, text: str) -> None:
    before = workspace.build()
    workspace.write("definitions/empty.yaml", text)
    assert workspace.build().closures == before.closures


def test_a_mapping_in_another_encoding_is_named(workspace: Workspace) -> None:
    workspace.write(SQL, "-- größe\n".encode("latin-1"))
    (problem,) = workspace.problems()
    assert (problem.file, problem.line, problem.field) == (SOURCES, 6, "mapping")
    assert "it is not UTF-8" in problem.found


def test_a_mapping_may_use_its_own_common_tables(workspace: Workspace) -> None:
    body = (workspace.folder / SQL).read_text(encoding="utf-8").replace("FROM accounts", "FROM mine")
    workspace.write(SQL, f"WITH mine AS (SELECT * FROM accounts) {body}")
    assert workspace.build().sources["core_accounts"].mapping_sql.startswith("WITH mine")


@pytest.mark.parametrize("value", ["x = 1; drop table y", "(select max(amount) from transactions)", "'"])
def test_a_hostile_value_never_becomes_a_tag(workspace: Workspace, value: str) -> None:
    workspace.change(TAGS, "value: buys_next > 0", f"value: >-\n  {value}")
    assert workspace.problems()[0].field == "value"


MORE = "definitions/more.yaml"
OF_EVENTS = "tag: made\nlabel: {zh: 标签, en: Made}\nfamily: value\nfrom: transactions\n"
OF_STATES = OF_EVENTS.replace("transactions", "accounts")
DERIVED = "tag: made\nlabel: {zh: 标签, en: Made}\nfamily: value\n"


@pytest.mark.parametrize(
    ("definition", "field", "found", "allowed"),
    [
        (OF_EVENTS + "window: 5 weeks\nvalue: count(*)\n", "window", "5 weeks", "'last 3 calendar months'"),
        (OF_EVENTS + "window: last 2000 calendar months\nvalue: count(*)\n", "window", "2000", "100 years at most"),
        (OF_EVENTS + "window: since category\nvalue: count(*)\n", "window", "this is a text", "compare it"),
        (OF_EVENTS + "window: since kategory = 'x'\nvalue: count(*)\n", "window", "no 'kategory'", "'category'?"),
        (OF_EVENTS + "window: since\nvalue: count(*)\n", "window", "there is nothing here", "write an expression"),
        (OF_EVENTS + "window: 90 days\nvalue: every(month, count(*) > 1)\n", "window", "not a whole number of months",
         "'6 months' for months"),
        (OF_EVENTS + "window: this month\nvalue: every(week, count(*) > 1)\n", "window", "longer on one day", ""),
        (OF_EVENTS + "window: ever\nvalue: count_periods(year, count(*) > 1)\n", "window", "longer on one day", ""),
        (OF_EVENTS + "window: 500 days\nvalue: every(day, count(*) > 1)\n", "window", "has 500 days", "400 periods"),
        (OF_EVENTS + "window: 1 month\nvalue: every(mnth, count(*) > 1)\n", "value", "'mnth' is no period", "'month'?"),
        (OF_EVENTS + "window: 1 month\nvalue: every(month, amount > cny(1))\n", "value", "is of single rows", ""),
        (OF_EVENTS + "window: 1 month\nvalue: every(month, true)\n", "value", "about aggregates of each period", ""),
        (OF_EVENTS + "window: 1 month\nvalue: every(month, count(*))\n", "value", "needs a condition", ""),
        (OF_EVENTS + "window: 1 month\nvalue: every(month, top(category) = 'x')\n", "value", "of a whole window", ""),
        (OF_EVENTS + "window: 1 month\nvalue: every(month, every(day, count(*) > 1))\n", "value", "never inside", ""),
        (OF_EVENTS + "window: ever\nvalue: trend(count(*))\n", "window", "no window of the same length", "'3 months'"),
        (OF_EVENTS + "window: 1 month\nvalue: trend(last(category))\n", "value", "needs numbers, this is a text", ""),
        (OF_EVENTS + "window: 1 month\nvalue: trend(amount)\n", "value", "'amount' is of single rows", ""),
        (OF_EVENTS + "window: 1 month\nvalue: trend(recency())\n", "value", "recency() has no trend", ""),
        (OF_EVENTS + "window: next 30 days\nvalue: recency()\n", "window", "looks forward", "'ever'"),
        (OF_EVENTS + "window: 1 month\nvalue: recency(amount)\n", "value", "recency() takes nothing", ""),
        (OF_EVENTS + "window: 1 month\nvalue: top(category, amount / amount)\n", "value", "weighs by whole", ""),
        (OF_EVENTS + "window: 1 month\nvalue: not_followed(category = 'a', category = 'b')\n", "value", "write", ""),
        (OF_EVENTS + "window: 1 month\nvalue: not_followed(category = 'a', category = 'b', 2 months)\n", "value",
         "takes 1 to 366 days", "3 days"),
        (OF_EVENTS + "window: 1 month\nvalue: not_followed(category, category = 'b', 2 days)\n", "value",
         "needs a condition, this is a text", ""),
        (OF_STATES + "value: not_followed(score > 1, score > 2, 2 days)\n", "value", "states hold", "kind event"),
        (OF_STATES + "window: ever\nvalue: time_avg(score)\n", "window", "has no beginning", "'1 month'"),
        (OF_EVENTS + "window: ever\nclock: live\nvalue: count(*)\n", "clock", "everything there ever was", "'2 years'"),
        (OF_EVENTS + "window: since category = 'x'\nclock: live\nvalue: count(*)\n", "clock", "ever was", ""),
        (OF_EVENTS + "window: next 3 days\nclock: live\nvalue: count(*)\n", "clock", "looks forward", "make it daily"),
        (OF_STATES + "clock: live\nvalue: count(*)\n", "clock", "states come once a day", "kind event"),
        (DERIVED + "clock: live\nvalue: ntile(5, bookings)\n", "clock", "look at all customers", "make it daily"),
        (DERIVED + "value: ntile(bookings, 5)\n", "value", "takes how many tiles first", ""),
        (DERIVED + "value: ntile(1, bookings)\n", "value", "2 to 1000", ""),
        (DERIVED + "value: percent_rank(spends)\n", "value", "values with an order, this is a boolean", ""),
        (DERIVED + "clock: live\nvalue: buys_next + 1\n", "clock", "is live and looks forward", "make it daily"),
        (DERIVED + "value: sum(bookings)\n", "value", "an aggregate stands only in the value of an aggregate tag", ""),
        (DERIVED + "manual: {type: text}\nclock: live\n", "", "only a tag with a 'value' can be live", ""),
        (DERIVED + "manual: {type: money}\n", "manual", "", "a tag of type money has a currency"),
        (DERIVED + "manual: {type: integer, allowed: [a]}\n", "manual", "", "'allowed' goes with type text"),
        (DERIVED + "manual: {type: text, classes: [identifier]}\n", "manual", "", "never to a tag"),
        (DERIVED + "manual: {type: text}\nvalue: bookings\n", "", "a tag has one of", ""),
    ],
    ids=lambda value: value.replace(OF_EVENTS, "").replace(DERIVED, "")[:50] if isinstance(value, str) else None,
)  # fmt: skip
def test_a_wrong_measure_window_or_clock_is_named(
    workspace: Workspace, definition: str, field: str, found: str, allowed: str
) -> None:
    workspace.write(MORE, definition)
    problem = workspace.problems()[0]
    assert problem.file == MORE
    assert problem.field.startswith(field), str(problem)
    assert found in str(problem), str(problem)
    assert allowed in str(problem), str(problem)


def test_a_live_tag_may_be_built_on_what_is_daily(workspace: Workspace) -> None:
    workspace.write(
        MORE,
        DERIVED.replace("made", "tile") + "value: ntile(5, bookings)\n---\n"
        + DERIVED.replace("made", "hobby") + "manual: {type: text, classes: [health]}\n---\n"
        + DERIVED + "clock: live\nvalue: tile = 5 and hobby = 'golf'\n",
    )  # fmt: skip
    catalog = workspace.build()
    assert catalog.tag("made").definition.clock == "live"
    assert catalog.lineages["made"].classes & DataClass.HEALTH, "a manual tag tells what is in it"
