"""Past campaigns mislead: who compares those who were asked with those who were not sees too much.

Statistical tests: every bound is 4 standard errors (once in 16,000 by chance), the seeds are fixed.
"""

from __future__ import annotations

import numpy as np
import pytest
from answering import BEGINS, END, answering, any_needs, needs_of, town

from lingque.twin.days import DAY
from lingque.twin.needs import NEED_KINDS
from lingque.twin.population import Population
from lingque.twin.responding.catalogue import CHANNEL_NAMES, OFFER_NAMES, OFFERS
from lingque.twin.responding.model import ResponseModel
from lingque.twin.responding.past import PastCampaign, chosen_by_lot, observed, past_campaigns, sent_in

N = 20_000


@pytest.fixture(scope="module")
def bank() -> ResponseModel:
    """Everybody's deposit matures within the first days, so that the first campaign is about everybody."""
    return answering(N, needs_of("deposit_maturity", np.arange(N), begins=1, days=27))


def first_of(model: ResponseModel) -> PastCampaign:
    return past_campaigns(model, until=BEGINS + DAY)[0]


def measured(model: ResponseModel, campaign: PastCampaign) -> tuple[np.ndarray, np.ndarray]:
    """Of the audience: who was chosen, and who bought."""
    (one,) = observed(model, (campaign,))
    return one.chosen, one.bought


def difference(chosen: np.ndarray, bought: np.ndarray) -> tuple[float, float]:
    """Of shares, with its standard error."""
    groups = bought[chosen], bought[~chosen]
    return float(groups[0].mean() - groups[1].mean()), float(np.sqrt(sum(one.var() / len(one) for one in groups)))


def true_effect(model: ResponseModel, campaign: PastCampaign) -> float:
    return model.true_effect(campaign.contacts, until=END).effect


def test_comparing_the_asked_with_the_others_sees_an_effect_that_is_not_there(bank: ResponseModel) -> None:
    campaign = first_of(bank)
    naive, error = difference(*measured(bank, campaign))
    assert naive > true_effect(bank, campaign) + 4 * error


def test_chosen_by_lot_the_same_comparison_is_right(bank: ResponseModel) -> None:
    drawn = chosen_by_lot(bank)
    campaign = first_of(drawn)
    naive, error = difference(*measured(drawn, campaign))
    assert abs(naive - true_effect(drawn, campaign)) < 4 * error
    assert true_effect(drawn, campaign) > 4 * error  # so that seeing nothing would fail


def test_turned_round_the_bias_misleads_the_other_way() -> None:
    cold = answering(N, needs_of("deposit_maturity", np.arange(N), begins=1, days=27), targeting_bias=-1.5)
    campaign = first_of(cold)
    naive, error = difference(*measured(cold, campaign))
    assert naive < true_effect(cold, campaign) - 4 * error


def test_nothing_that_the_bank_could_know_takes_the_bias_away(bank: ResponseModel) -> None:
    """Within layers of equal loyalty, price sensitivity and means, which is more than any file holds."""
    campaign = first_of(bank)
    chosen, bought = measured(bank, campaign)
    people: Population = town(N)
    layer = np.zeros(len(campaign.audience), dtype=np.int64)
    for trait in (people.loyalty, people.price_sensitivity, people.means):
        values = trait[campaign.audience]
        layer = layer * 4 + np.searchsorted(np.quantile(values, (0.25, 0.5, 0.75)), values)
    weights, effects, variances = [], [], []
    for one in np.unique(layer):
        here = layer == one
        if 5 < chosen[here].sum() < here.sum() - 5:
            effect, error = difference(chosen[here], bought[here])
            weights.append(chosen[here].sum())
            effects.append(effect)
            variances.append(error**2)
    share = np.array(weights) / sum(weights)
    adjusted, error = float(share @ effects), float(np.sqrt(share**2 @ variances))
    assert adjusted > true_effect(bank, campaign) + 4 * error


def test_without_the_hidden_trait_in_the_outcome_the_choice_does_not_mislead() -> None:
    model = answering(N, needs_of("deposit_maturity", np.arange(N), begins=1, days=27), warmth_effect=0.0)
    campaign = first_of(model)
    naive, error = difference(*measured(model, campaign))
    assert abs(naive - true_effect(model, campaign)) < 4 * error


def test_past_campaigns_are_as_many_and_as_large_as_said(bank: ResponseModel) -> None:
    drawn = chosen_by_lot(bank)
    campaigns = past_campaigns(drawn, until=BEGINS + 180 * DAY)
    assert len(campaigns) == 6
    first = campaigns[0]
    assert (OFFER_NAMES[first.offer], CHANNEL_NAMES[first.channel]) == ("deposit_renewal", "rm_call")
    share = len(first.contacts) / len(first.audience)
    assert share == pytest.approx(0.3, abs=4 * np.sqrt(0.21 / len(first.audience)))
    assert len(sent_in(campaigns)) == sum(len(one.contacts) for one in campaigns)
    assert set(sent_in(campaigns).at.tolist()) == {one.at for one in campaigns if len(one.contacts)}
    # nothing matures after the first days; loans and cards are for everybody who may have them
    assert [len(one.audience) > 0 for one in campaigns] == [True, False, True, False, True, False]
    assert past_campaigns(bank, until=BEGINS) == ()


def test_what_campaigns_showed_is_what_customers_did_and_the_truth_beside_it() -> None:
    model = answering(N, any_needs(N, each=3))
    campaigns = past_campaigns(model, until=BEGINS + 90 * DAY)
    shown = observed(model, campaigns)
    assert len(shown) == len(campaigns) == 3
    sales = model.respond(sent_in(campaigns), until=END).conversions
    for one, campaign in zip(shown, campaigns, strict=True):
        assert set(one.customer[one.chosen].tolist()) == set(campaign.contacts.customer.tolist())
        meets = np.array([kind in OFFERS[campaign.offer].meets for kind in NEED_KINDS])
        counted = meets[sales.need] & (sales.at > campaign.at) & (sales.at < campaign.at + 60 * DAY)
        assert set(one.customer[one.bought].tolist()) == set(sales.customer[counted].tolist()) & set(
            one.customer.tolist()
        )
        assert one.true_effect[one.chosen].mean() > 0
        assert (one.true_effect < 0).any()
    # of the first, which nothing came before, by what the model says of its own contacts
    first, campaign = shown[0], campaigns[0]
    both = model.potential_outcomes(campaign.contacts)
    alone = (both.contacted - both.not_contacted)[both.decides < campaign.at + 60 * DAY].sum()
    (by_itself,) = observed(model, campaigns[:1])
    assert by_itself.true_effect[by_itself.chosen].sum() == pytest.approx(alone)
    assert len(first.customer) == len(by_itself.customer)
