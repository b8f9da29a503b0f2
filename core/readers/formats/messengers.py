"""Telegram, Slack and Discord: who said what when; what a service says in between is left out and counted."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator

from core.readers import values
from core.readers.formats.base import Format, Object, Place, each, listed, mapped, rest, texts
from core.readers.rows import Item, Record, Row

# --- Telegram ---------------------------------------------------------------------------------------------------------


def _is_telegram(value: Object) -> bool:
    if isinstance(mapped(value.get("chats")).get("list"), list):
        return True
    found = mapped(next(iter(listed(value.get("messages"))), None))
    return "type" in value and ("date_unixtime" in found or "from_id" in found or "actor_id" in found)


def _telegram(line: int, value: Object, place: Place) -> Iterator[Item]:
    for one in listed(mapped(value.get("chats")).get("list")) or [value]:
        chat = mapped(one)
        name = chat.get("name") or chat.get("id") or place.stem
        for i, entry in enumerate(listed(chat.get("messages"))):
            message = mapped(entry)
            if message.get("type") != "message":
                place.leave_out("service messages")
                continue
            text = _plain(message.get("text"))
            if not text.strip():
                place.leave_out(texts(message.get("media_type")).replace("_", " ") or "messages without words")
                continue
            key = message.get("id")
            yield Row(
                line, text, id=f"{name}/{key}" if isinstance(key, int | str) else None, role=message.get("from"),
                conversation=name, created=message.get("date_unixtime") or message.get("date"), cut=True,
                meta={k: message[k] for k in ("reply_to_message_id", "forwarded_from", "edited") if message.get(k)},
                names={"text": f"messages[{i}].text"},
            )  # fmt: skip


def _plain(text: object) -> str:
    """Telegram writes a text as a string, or as a list of strings and marked stretches."""
    if isinstance(text, list):
        return "".join(part if isinstance(part, str) else texts(mapped(part).get("text")) for part in text)
    return texts(text)


TELEGRAM = Format(
    "telegram", "Telegram", "result.json of one chat or of the account", "speaker, time, chat, session, replies",
    "service messages, media without words", _is_telegram, each(_telegram),
)  # fmt: skip


# --- Slack ------------------------------------------------------------------------------------------------------------

SERVICE = {"bot_add", "bot_remove", "pinned_item", "reminder_add", "file_comment", "tombstone", "huddle_thread"}


def _is_slack(value: Object) -> bool:
    said = any(name in value for name in ("user", "bot_id", "subtype", "username"))
    return said and "text" in value and isinstance(value.get("ts"), str | float | int) and "role" not in value


def _slack(records: Iterable[Record], place: Place) -> Iterator[Item]:
    names = _slack_names(place)
    parts = place.inner.parts
    channel = parts[-2] if len(parts) > 1 and not parts[-2].isdigit() else place.stem

    def of_message(line: int, message: Object, place: Place) -> Iterator[Item]:
        if profile := mapped(message.get("user_profile")):
            real = profile.get("real_name") or profile.get("display_name") or profile.get("name")
            if isinstance(real, str) and isinstance(message.get("user"), str):
                names.setdefault(message["user"], real)
        kind = texts(message.get("subtype"))
        if kind in SERVICE or kind.startswith(("channel_", "group_", "bot_add")):
            place.leave_out("joins and notices")
            return
        text = _unescaped(texts(message.get("text")), names)
        if not text.strip() and isinstance(message.get("text"), str | None):
            place.leave_out("files" if message.get("files") else "messages without words")
            return
        user = message.get("user") or message.get("username") or message.get("bot_id")
        thread = message.get("thread_ts")
        yield Row(
            line, text or message.get("text"), id=None, role=names.get(str(user), user), conversation=channel,
            created=message.get("ts"), cut=True, meta={"thread": thread} if thread else {},
        )  # fmt: skip

    yield from each(of_message)(records, place)


def _slack_names(place: Place) -> dict[str, str]:
    """Names of people by their ids, from users.json beside the channels."""
    found: dict[str, str] = {}
    for entry in listed(place.box.load("users.json")) if place.box else []:
        user = mapped(entry)
        about = mapped(user.get("profile"))
        name = about.get("display_name") or about.get("real_name") or user.get("real_name") or user.get("name")
        if isinstance(user.get("id"), str) and isinstance(name, str):
            found[user["id"]] = name
    return found


def _unescaped(text: str, names: dict[str, str]) -> str:
    """Slack's marks as words: <@U02> and <#C1|general> by name, <url|words> as words, &amp; as &."""

    def said(found: re.Match[str]) -> str:
        mark, _, words = found[1].partition("|")
        if mark[:1] == "@":
            return f"@{words or names.get(mark[1:], mark[1:])}"
        return f"#{words or mark[1:]}" if mark[:1] == "#" else words or mark.removeprefix("!")

    return html.unescape(re.sub(r"<([^<>\n]{1,2000})>", said, text))


SLACK = Format(
    "slack", "Slack", "a channel's day files; the whole export as folder or zip",
    "speaker by name, time, channel, thread, session", "joins and notices, files without words", _is_slack, _slack,
)  # fmt: skip


# --- Discord ----------------------------------------------------------------------------------------------------------


def _is_discord(value: Object) -> bool:
    found = mapped(next(iter(listed(value.get("messages"))), None))
    whole = "channel" in value and ("guild" in value or "author" in found)
    return whole or ("Contents" in value and "Timestamp" in value)


def _discord(line: int, value: Object, place: Place) -> Iterator[Item]:
    if "Contents" in value:
        yield from _own_data(line, value, place)
        return
    channel, guild = mapped(value.get("channel")), mapped(value.get("guild"))
    name = channel.get("name") or channel.get("id") or place.stem
    for i, entry in enumerate(listed(value.get("messages"))):
        message = mapped(entry)
        if message.get("type") not in (None, "Default", "Reply", 0, 19):
            place.leave_out("service messages")
            continue
        text = texts(message.get("content"))
        if not text.strip():
            place.leave_out("images and files" if listed(message.get("attachments")) else "messages without words")
            continue
        author = mapped(message.get("author"))
        yield Row(
            line,
            text,
            id=message.get("id"),
            role=author.get("nickname") or author.get("name") or author.get("username"),
            conversation=name,
            created=message.get("timestamp"),
            cut=True,
            meta={"guild": guild.get("name")} if guild.get("name") else {},
            names={"text": f"messages[{i}].content"},
        )


def _own_data(line: int, value: Object, place: Place) -> Iterator[Item]:
    """The package of one's own data: only what one wrote, without names."""
    text = value.get("Contents")
    if isinstance(text, str) and not values.has_words(text):
        place.leave_out("images and files" if value.get("Attachments") else "messages without words")
        return
    about = mapped(place.box.load(str(place.inner.with_name("channel.json"))) if place.box else None)
    channel = about.get("name") or (place.inner.parts[-2] if len(place.inner.parts) > 1 else place.stem)
    yield Row(
        line, text, id=value.get("ID"), conversation=channel, created=value.get("Timestamp"), cut=True,
        meta=rest(value, "ID", "Contents", "Timestamp", "Attachments"), names={"text": "Contents"},
    )  # fmt: skip


DISCORD = Format(
    "discord",
    "Discord",
    "JSON of a channel (DiscordChatExporter); the package of one's own data",
    "speaker, time, channel, session",
    "service messages, images and files without words",
    _is_discord,
    each(_discord),
)
