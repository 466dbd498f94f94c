"""Everything that the bank's systems deliver."""

from __future__ import annotations

from lingque.twin.systems import (
    app,
    cards,
    contacts,
    core_banking,
    crm,
    loans,
    mandates,
    partners,
    transactions,
    visits,
    wealth,
)

_BY_NAME = {
    one.name: one
    for one in (
        *core_banking.EXTRACTS,
        transactions.EXTRACT,
        *wealth.EXTRACTS,
        *crm.EXTRACTS,
        *app.EXTRACTS,
        *mandates.EXTRACTS,
        *cards.EXTRACTS,
        *loans.EXTRACTS,
        *visits.EXTRACTS,
        *contacts.EXTRACTS,
        *partners.EXTRACTS,
    )
}
EXTRACTS = tuple(_BY_NAME.values())
FIRST_LOAD = tuple(
    _BY_NAME[name]
    for name in (
        *("core_customers", "core_accounts", "core_organisations", "core_transactions", "core_deposits"),
        *(
            "core_balances",
            "core_cross_references",
            "wealth_holdings",
            "wealth_products",
            "wealth_risk_assessments",
            "app_events",
        ),
        *("crm_consents", "crm_assignments", "crm_staff"),
    )
)
"""What a platform that keeps deposits loads first."""
FOLLOW_UP = tuple(
    _BY_NAME[name]
    for name in (
        *("core_transactions", "core_deposits", "core_balances", "core_cross_references"),
        *("wealth_holdings", "wealth_risk_assessments"),
    )
)
"""What customers who place and move money change."""
