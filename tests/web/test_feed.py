import asyncio
from datetime import UTC, datetime

import pytest

from fraud_stream.records import Alert
from fraud_stream.web.dashboard.feed import Feed

MOMENT = datetime(2024, 5, 1, 12, tzinfo=UTC)


def alert(n: int) -> Alert:
    facts = ("HIGH", "VELOCITY", 0.9, "review", f"message {n}", [], "online-1", "r")
    return Alert(f"A{n}", f"T{n}", f"C{n}", MOMENT, MOMENT, 10.0, *facts)


def feed_of(number: int, most: int = 5) -> Feed:
    feed = Feed(most)
    for n in range(number):
        feed.add(alert(n))
    return feed


def ids(held) -> list[str]:
    return [one.alert.alert_id for one in held]


def test_only_the_newest_are_held():
    feed = feed_of(8)
    assert [one.alert_id for one in feed.newest_first] == ["A7", "A6", "A5", "A4", "A3"]
    assert len(feed) == 5
    assert feed.find("A3") == alert(3)
    assert feed.find("A2") is None


def test_an_alert_that_comes_again_is_held_once_and_one_that_was_forgotten_again():
    feed = feed_of(8)
    feed.add(alert(7))
    assert feed.last == 8
    feed.add(alert(0))
    assert [one.alert_id for one in feed.newest_first] == ["A0", "A7", "A6", "A5", "A4"]


def test_who_comes_back_is_given_what_came_after_its_place():
    feed = feed_of(4)
    place = feed.place(2)
    assert ids(feed.after(feed.number(place))) == ["A2", "A3"]
    assert feed.after(feed.last) == []


@pytest.mark.parametrize("place", [None, "", "3", "other-3", "-", "x-y-z", "٣"])
def test_a_place_that_this_feed_has_not_told_means_all_that_is_held(place):
    feed = feed_of(8)
    assert ids(feed.after(feed.number(place))) == ["A3", "A4", "A5", "A6", "A7"]


def test_a_place_of_this_feed_that_is_no_number_means_all_and_one_in_the_future_what_comes():
    feed = feed_of(8)
    epoch = feed.place(0).split("-")[0]
    assert len(feed.after(feed.number(f"{epoch}-many"))) == 5
    assert feed.number(f"{epoch}-999") == feed.last


def test_a_place_whose_successors_are_forgotten_is_the_oldest_that_is_held():
    feed = feed_of(8)
    assert feed.has_lost(1)
    assert not feed.has_lost(feed.number(feed.place(1)))
    assert len(feed.after(feed.number(feed.place(1)))) == 5


def test_two_feeds_have_epochs_of_their_own():
    assert Feed(1).place(0) != Feed(1).place(0)


async def test_news_wake_whoever_took_them_before_looking():
    feed = feed_of(1)
    news = feed.news
    feed.add(alert(1))
    feed.tell()
    await asyncio.wait_for(news.wait(), 1)
    assert not feed.news.is_set()


async def test_the_end_wakes_too():
    feed = feed_of(1)
    news = feed.news
    feed.close()
    await asyncio.wait_for(news.wait(), 1)
    assert feed.is_over
