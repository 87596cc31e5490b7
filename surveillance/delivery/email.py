"""Email through one SMTP server, with STARTTLS, and with the same Message-ID on every repeat.

A message says which alert, use case, severity and state, by when somebody must act, and links to the page,
which needs a sign-in. It names no place, number, age, method or person.
"""

import asyncio
import hashlib
import re
import ssl
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime
from html import escape

import aiosmtplib

from surveillance.alerting.hours import zone_of
from surveillance.delivery.channel import Around, Channel, Mistake, SecretFault, read_secret
from surveillance.delivery.parcel import NotTaken, Parcel, Refused, Send
from surveillance.delivery.words import Letter, letter
from surveillance.settings import Settings
from surveillance.use_case.receiver import Receiver

_ADDRESS = re.compile(r"[^@\s<>,;\"]+@[^@\s<>,;\"]+")
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_STEP_SECONDS = 15.0
_WHOLE_SECONDS = 60.0  # however slowly a server answers; well below the outbox's lease


def _check(receiver: Receiver) -> Iterator[Mistake]:
    if not _ADDRESS.fullmatch(receiver.address):
        yield "address", "is not one email address", "Give one such as lead@example.org"
    for key in ("secret_file", "secret_env"):
        if getattr(receiver, key) is not None:
            yield (
                key,
                "email needs none",
                "Remove it; setting mail_password_file is for the mail server",
            )


def _needs(_receiver: Receiver, settings: Settings) -> Iterator[Mistake]:
    for name, example in (("mail_host", "mail.example.org"), ("mail_from", "surveillance@example.org")):
        if getattr(settings, name) is None:
            yield "channel", f"email needs setting {name}", f"Set it, such as {name}: {example}"
    if (settings.mail_user is None) != (settings.mail_password_file is None):
        yield "channel", "mail_user and mail_password_file go together", "Set both or neither"
    if settings.mail_user is not None and not requires_tls(settings):
        yield "channel", "a password would travel unprotected", "Set mail_starttls: true"
    try:
        if settings.mail_password_file is not None:
            read_secret(settings.mail_password_file)
        if settings.mail_ca_file is not None:
            ssl.create_default_context(cafile=settings.mail_ca_file)
    except SecretFault as fault:
        yield "channel", f"setting mail_password_file: {fault}", "Put the password into it"
    except OSError:  # which ssl.SSLError is as well
        yield "channel", "setting mail_ca_file holds no certificate", "Give a file of PEM certificates"


def requires_tls(settings: Settings) -> bool:
    """Whether nothing is said to the mail server before the connection is encrypted."""
    if settings.mail_starttls is not None:
        return settings.mail_starttls
    return settings.mail_host not in _LOOPBACK


def _open(receiver: Receiver, around: Around) -> Send:
    def send(parcel: Parcel) -> int:
        words = letter(parcel.content, around.settings.web_url, zone_of(receiver))
        message = compose(words, parcel, receiver.address, str(around.settings.mail_from))
        return asyncio.run(_submit(message, around.settings))

    return send


def compose(words: Letter, parcel: Parcel, to: str, sender: str) -> EmailMessage:
    """The message: the same bytes on every repeat, the boundary of its parts included."""
    domain = sender.rpartition("@")[2]
    digest = hashlib.sha256(parcel.key.encode()).hexdigest()[:32]
    message = EmailMessage(policy=SMTP_POLICY)
    message["From"] = f"Surveillance <{sender}>"
    message["To"] = to
    message["Subject"] = words.subject
    message["Date"] = format_datetime(parcel.owed_at)
    message["Message-ID"] = f"<{digest}@{domain}>"
    message["References"] = f"<alert-{hashlib.sha256(parcel.about.encode()).hexdigest()[:32]}@{domain}>"
    message["List-Id"] = f"Surveillance alerts <alerts.surveillance.{domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    message.set_content(words.text, cte="quoted-printable")
    message.add_alternative(_html(words), subtype="html", cte="quoted-printable")
    message.set_boundary(f"=={digest}==")
    return message


def _html(words: Letter) -> str:
    rows = "".join(
        f'<tr><th scope="row" align="left">{escape(name)}</th><td>{escape(value)}</td></tr>'
        for name, value in words.rows
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(words.subject)}</title></head>"
        '<body style="font: 16px/1.5 sans-serif; color: #1b1b1b; background: #ffffff; max-width: 40em">'
        f"<p>{escape(words.opening)}</p>"
        f'<table cellpadding="4">{rows}</table>'
        f'<p><a href="{escape(words.link, quote=True)}">{escape(words.link_words)}</a></p>'
        f"<p>{escape(words.closing)}</p></body></html>"
    )


async def _submit(message: EmailMessage, settings: Settings) -> int:
    """Hands the message to the server within a time limit; when that is over, the connection is too."""
    try:
        async with asyncio.timeout(_WHOLE_SECONDS):
            return await _converse(message, settings)
    except aiosmtplib.SMTPRecipientsRefused as error:
        raise _answer(error, error.recipients[0].code) from None
    except (aiosmtplib.SMTPSenderRefused, aiosmtplib.SMTPDataError) as error:
        raise _answer(error, error.code) from None
    except aiosmtplib.SMTPResponseException as error:  # greeting, STARTTLS, sign-in: ours or theirs to mend
        raise NotTaken(type(error).__name__, error.code) from None
    except (aiosmtplib.SMTPException, SecretFault, OSError) as error:  # which TimeoutError is as well
        raise NotTaken(type(error).__name__) from None


async def _converse(message: EmailMessage, settings: Settings) -> int:
    tls = requires_tls(settings)
    server = aiosmtplib.SMTP(
        hostname=settings.mail_host,
        port=settings.mail_port,
        timeout=_STEP_SECONDS,
        start_tls=tls,
        tls_context=ssl.create_default_context(cafile=settings.mail_ca_file) if tls else None,
    )
    async with server:
        if settings.mail_user is not None and settings.mail_password_file is not None:
            await server.login(settings.mail_user, read_secret(settings.mail_password_file))
        await server.send_message(message)
    return 250  # the only code with which a server takes a message


def _answer(error: Exception, code: int) -> NotTaken:
    kind = Refused if code >= 500 else NotTaken
    return kind(type(error).__name__, code)


OFFERED = Channel(_check, _needs, _open)
