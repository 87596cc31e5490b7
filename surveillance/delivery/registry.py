"""Every channel that there is. A new one is a file beside this one and a line in the table."""

from collections.abc import Iterable, Iterator, Mapping

from surveillance.delivery import alerts_topic, email, webhook
from surveillance.delivery.channel import Around, Channel, Mistake
from surveillance.delivery.parcel import Send
from surveillance.settings import Settings
from surveillance.use_case.fault import ConfigFault
from surveillance.use_case.load import receiver_fault
from surveillance.use_case.receiver import Receiver

CHANNELS: Mapping[str, Channel] = {
    "alerts-topic": alerts_topic.OFFERED,
    "email": email.OFFERED,
    "webhook": webhook.OFFERED,
}


def check_channel(receiver: Receiver) -> Iterator[Mistake]:
    """What is wrong with a receiver's entry by its channel."""
    channel = CHANNELS.get(receiver.channel)
    if channel is None:
        yield "channel", "there is no such channel", f"Use one of: {', '.join(sorted(CHANNELS))}"
        return
    yield from channel.check(receiver)
    if receiver.digest_at is not None and not channel.digests:
        yield "digest_at", f"the channel {receiver.channel} carries no digest", "Remove it"


def unmet_needs(receivers: Iterable[Receiver], settings: Settings) -> list[ConfigFault]:
    """What sending to these receivers lacks: settings, secrets, files."""
    return [
        receiver_fault(i, mistake)
        for i, receiver in enumerate(receivers)
        for mistake in CHANNELS[receiver.channel].needs(receiver, settings)
    ]


def open_senders(receivers: Iterable[Receiver], around: Around) -> dict[str, Send]:
    """A sender for each receiver, by its id."""
    return {receiver.id: CHANNELS[receiver.channel].open(receiver, around) for receiver in receivers}
