"""exchangelib hears of changes in the sandbox's mailboxes: by streaming and by pull."""

import threading

import pytest
from exchangelib import Contact

import mailbox
from exchangelib.errors import ErrorSubscriptionNotFound
from exchangelib.properties import CreatedEvent, DeletedEvent, ModifiedEvent, StatusEvent

from strangers import steps

step = steps("exchangelib", "notifications")


@pytest.fixture(scope="module")
def alice(office):
    return office.first()


@pytest.fixture(scope="module")
def elsewhere(office):
    """The same mailbox over a connection of its own, signed in as another: a stream occupies the first."""
    account = mailbox.account(office.sandbox.base, f"{office.people()[0]}@example.test", "sandbox-delegate", user="concord-sync@example.test")
    yield account
    account.protocol.close()


def made(account, name):
    return Contact(account=account, folder=account.contacts, display_name=name, given_name=name).save()


def hear(folder, subscription, act, wanted):
    """Opens a stream, acts, and gives the first events; the stream is closed after them."""
    heard = []
    timer = threading.Timer(0.5, act)
    timer.start()
    for notification in folder.get_streaming_events(subscription, connection_timeout=1, max_notifications_returned=wanted):
        heard += [event for event in notification.events if not isinstance(event, StatusEvent)]
    timer.join()
    return heard


def test_streaming(alice, elsewhere):
    with step("subscribe to streaming events"):
        subscription = alice.contacts.subscribe_to_streaming()
    items = []
    with step("a new item is told of"):
        heard = hear(alice.contacts, subscription, lambda: items.append(made(elsewhere, "Streamed")), 1)
        assert [(type(event), event.item_id.id) for event in heard] == [(CreatedEvent, items[0].id)]
    with step("a change is told of"):
        items[0].job_title = "Changed"
        assert items[0].account is elsewhere
        heard = hear(alice.contacts, subscription, lambda: items[0].save(update_fields=["job_title"]), 1)
        assert [(type(event), event.item_id.id) for event in heard] == [(ModifiedEvent, items[0].id)]
    with step("a delete is told of"):
        gone = items[0].id
        heard = hear(alice.contacts, subscription, items[0].delete, 1)
        assert [(type(event), event.item_id.id) for event in heard] == [(DeletedEvent, gone)]
    with step("end a subscription"):
        alice.contacts.unsubscribe(subscription)
        with pytest.raises(ErrorSubscriptionNotFound):
            list(alice.contacts.get_streaming_events(subscription, connection_timeout=1))


def test_pull(alice):
    with step("subscribe to pull"):
        subscription, watermark = alice.contacts.subscribe_to_pull()
    item = made(alice, "Pulled")
    with step("pull events"):
        notifications = list(alice.contacts.get_events(subscription, watermark))
        events = [event for notification in notifications for event in notification.events]
        assert [(type(event), event.item_id.id) for event in events] == [(CreatedEvent, item.id)]
        watermark = events[-1].watermark
    with step("nothing new"):
        events = [event for notification in alice.contacts.get_events(subscription, watermark) for event in notification.events]
        assert all(isinstance(event, StatusEvent) for event in events)
    with step("end the subscription"):
        alice.contacts.unsubscribe(subscription)
        with pytest.raises(ErrorSubscriptionNotFound):
            list(alice.contacts.get_events(subscription, watermark))
    item.delete()
