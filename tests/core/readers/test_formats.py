"""Every kind of file that people bring, as a small twin with its right value."""

import json
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.errors import CoreError
from core.readers import Options, preview, read
from core.types import Reading

SAID = [("user", "My boat is moored in Faro."), ("assistant", "A sunny harbour!"), ("user", "Its sail is torn.")]


def put(path: Path, value: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return path


def put_lines(path: Path, *values: Any) -> Path:
    return put(path, "".join(json.dumps(value) + "\n" for value in values))


def told(reading: Reading) -> list[tuple[str, str]]:
    return [(memory.role, memory.text) for memory in reading.memories]


# --- chats with assistants --------------------------------------------------------------------------------------------


def chatgpt() -> dict[str, Any]:
    def node(name: str, parent: str | None, role: str, text: str, when: float, **message: Any) -> dict[str, Any]:
        content = {"content_type": "text", "parts": [text]}
        said = {"id": name, "author": {"role": role}, "create_time": when, "content": content, "recipient": "all"}
        return {"id": name, "parent": parent, "message": said | message}

    image = {
        "content_type": "multimodal_text",
        "parts": [{"content_type": "image_asset_pointer", "asset_pointer": "x"}],
    }
    nodes = [
        {"id": "root", "parent": None, "message": None},
        node("sys", "root", "system", "Be kind.", 0),
        node("a", "sys", "user", "My boat is moored in Faro.", 1_700_000_000.5),
        node("b-old", "a", "assistant", "An answer that was made again.", 1_700_000_001),
        node("b", "a", "assistant", "A sunny harbour!", 1_700_000_002),
        node("img", "b", "user", "", 1_700_000_003, content=image),
        node("call", "img", "assistant", "search()", 1_700_000_004, recipient="browser"),
        node("c", "call", "user", "Its sail is torn.", 1_700_100_000),
    ]
    return {"title": None, "conversation_id": "chat", "current_node": "c", "mapping": {n["id"]: n for n in nodes}}


def test_chatgpt_follows_the_branch_that_was_kept(tmp_path: Path) -> None:
    for path in (put(tmp_path / "conversations.json", [chatgpt()]), tmp_path / "export.zip"):
        if path.suffix == ".zip":
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr("conversations.json", json.dumps([chatgpt()]))
                archive.writestr("file-x.png", b"\x89PNG")
                archive.writestr("user.json", json.dumps({"id": "u", "email": "a@b.c"}))
        reading = read(path)
        assert told(reading) == SAID
        assert [m.position for m in reading.memories] == [0, 1, 2]
        assert {m.conversation for m in reading.memories} == {"chat"}
        assert reading.memories[0].created == datetime(2023, 11, 14, 22, 13, 20, 500_000)
        assert [m.session for m in reading.memories] == ["2023-11-14 22:13", "2023-11-14 22:13", "2023-11-16 02:00"]
        counted = {
            k: reading.left_out[k] for k in ("system notes", "images", "tool calls", "messages of other branches")
        }
        assert counted == {"system notes": 1, "images": 1, "tool calls": 1, "messages of other branches": 1}
    assert reading.left_out["other files"] == 1
    assert reading.left_out["files of no known shape"] == 1


def test_claude(tmp_path: Path) -> None:
    def message(n: int, sender: str, text: str, *blocks: dict[str, Any]) -> dict[str, Any]:
        content = [{"type": "text", "text": text}, *blocks] if text else list(blocks)
        return {
            "uuid": f"m{n}",
            "sender": sender,
            "text": "",
            "content": content,
            "created_at": f"2025-01-05T10:0{n}:00Z",
        }

    use = {"type": "tool_use", "name": "w", "input": {}}
    chat = [message(0, "human", SAID[0][1]), message(1, "assistant", SAID[1][1], use), message(2, "human", SAID[2][1]),
            message(3, "assistant", "", use)]  # fmt: skip
    reading = read(put(tmp_path / "conversations.json", [{"uuid": "u", "name": "boat", "chat_messages": chat}]))
    assert told(reading) == SAID
    first = reading.memories[0]
    assert (first.id, first.conversation, first.meta) == ("m0", "u", {"title": "boat"})
    assert (reading.memories[2].created, reading.left_out) == (datetime(2025, 1, 5, 10, 2), {"tool calls": 2})


def test_open_webui(tmp_path: Path) -> None:
    nodes = {
        "1": {"id": "1", "parentId": None, "role": "user", "content": SAID[0][1], "timestamp": 1_700_000_000},
        "2": {"id": "2", "parentId": "1", "role": "assistant", "content": SAID[1][1], "timestamp": 1_700_000_001},
        "2b": {"id": "2b", "parentId": "1", "role": "assistant", "content": "Other.", "timestamp": 1_700_000_009},
        "3": {"id": "3", "parentId": "2", "role": "user", "content": SAID[2][1], "timestamp": 1_700_000_002},
    }
    chat = {"id": "w", "title": "boat", "chat": {"history": {"messages": nodes, "currentId": "3"}}}
    reading = read(put(tmp_path / "chat-export.json", [chat]))
    assert (told(reading), reading.left_out) == (SAID, {"messages of other branches": 1})


def test_sessions_of_coding_agents(tmp_path: Path) -> None:
    def event(kind: str, role: str, content: Any, **more: Any) -> dict[str, Any]:
        message = {"role": role, "content": content}
        return {"type": kind, "sessionId": "s", "timestamp": "2025-03-01T10:00:00Z", "message": message, **more}

    one = put_lines(
        tmp_path / "one.jsonl",
        {"type": "summary", "summary": "boats", "leafUuid": "x"},
        event("user", "user", SAID[0][1], uuid="1"),
        event("assistant", "assistant", [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": SAID[1][1]}]),
        event("user", "user", [{"type": "tool_result", "content": "ok"}]),
        event("user", "user", "aside", isSidechain=True),
        event("user", "user", SAID[2][1]),
    )
    assert told(read(one)) == SAID
    assert read(one).left_out == {
        "events of the session": 1, "thoughts": 1, "tool calls": 1, "messages of helper agents": 1,
    }  # fmt: skip
    other = put_lines(
        tmp_path / "two.jsonl",
        {"timestamp": "2025-03-01T10:00:00Z", "type": "session_meta", "payload": {"id": "t"}},
        *(
            {"timestamp": "2025-03-01T10:00:00Z", "type": "response_item",
             "payload": {"type": "message", "role": role, "content": [{"type": "input_text", "text": text}]}}
            for role, text in SAID
        ),
        {"timestamp": "2025-03-01T10:00:00Z", "type": "response_item", "payload": {"type": "function_call"}},
    )  # fmt: skip
    assert (told(read(other)), {m.conversation for m in read(other).memories}) == (SAID, {"t"})


def test_lists_of_messages_in_any_dress(tmp_path: Path) -> None:
    openai = [{"role": role, "content": text} for role, text in SAID]
    blocks = [{"role": role, "content": [{"type": "text", "text": text}]} for role, text in SAID]
    sharegpt = [{"from": {"user": "human", "assistant": "gpt"}[role], "value": text} for role, text in SAID]
    pq.write_table(pa.table({"id": ["c"], "turns_of_it": [openai]}), tmp_path / "column.parquet")
    files = [
        put(tmp_path / "flat.json", openai),
        put_lines(tmp_path / "blocks.jsonl", *blocks),
        put(tmp_path / "object.json", {"messages": [{"role": "system", "content": "Be kind."}, *openai]}),
        put_lines(tmp_path / "lines.jsonl", {"messages": openai}),
        put(tmp_path / "sharegpt.json", [{"id": "c", "conversations": sharegpt}]),
        tmp_path / "column.parquet",
    ]
    for file in files:
        reading = read(file)
        assert told(reading) == SAID, file
        assert [m.position for m in reading.memories] == [0, 1, 2]
        assert len({m.conversation for m in reading.memories}) == 1
    assert read(files[2]).left_out == {"system notes": 1}


def test_tool_calls_are_left_out_and_counted(tmp_path: Path) -> None:
    call = {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]}
    result = {"role": "tool", "tool_call_id": "1", "content": "{}"}
    path = put_lines(
        tmp_path / "a.jsonl",
        {"role": "user", "content": "Rain?"},
        call,
        result,
        {"role": "assistant", "content": "No."},
    )
    assert (told(read(path)), read(path).left_out) == ([("user", "Rain?"), ("assistant", "No.")], {"tool calls": 2})


# --- stores -----------------------------------------------------------------------------------------------------------

MEM0 = [
    {"id": "1", "memory": "Owns a boat", "hash": "h", "created_at": "2024-07-20T01:30:36.5-07:00", "user_id": "ana"},
    {"id": "2", "memory": "Sails in May", "categories": ["sport"], "created_at": None, "user_id": "ana", "score": 0.5},
]


@pytest.mark.parametrize("shape", [MEM0, {"results": MEM0}, {"count": 2, "next": None, "results": MEM0}])
def test_mem0(tmp_path: Path, shape: Any) -> None:
    one, two = read(put(tmp_path / "m.json", shape)).memories
    assert (one.id, one.text, one.created) == ("1", "Owns a boat", datetime(2024, 7, 20, 8, 30, 36, 500_000))
    assert (two.text, two.category, two.meta) == ("Sails in May", "sport", {"user_id": "ana"})


def test_letta_zep_and_langmem(tmp_path: Path) -> None:
    passage = {"id": "p", "text": "Owns a boat", "organization_id": "o", "embedding": [0.1], "is_deleted": False,
               "created_at": "2024-11-11T10:00:00Z"}  # fmt: skip
    reading = read(put(tmp_path / "p.json", [passage, passage | {"id": "q", "is_deleted": True}]))
    assert ([m.text for m in reading.memories], reading.left_out) == (
        ["Owns a boat"],
        {"embeddings": 1, "deleted passages": 1},
    )
    agent = {
        "agents": [
            {"id": "a", "name": "skipper", "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi."}]}]}
        ],
        "blocks": [{"label": "human", "value": "Ana sails."}],
    }
    reading = read(put(tmp_path / "skipper.af", agent))
    assert [(m.text, m.category, m.conversation) for m in reading.memories] == [
        ("Ana sails.", "human", ""),
        ("Hi.", "", "skipper"),
    ]
    fact = {
        "uuid": "e",
        "fact": "Ana owns a boat",
        "name": "OWNS",
        "valid_at": "2024-03-01T00:00:00Z",
        "invalid_at": "2025-01-01",
    }
    for shape in ([fact], {"facts": [fact]}, {"edges": [fact]}):
        (memory,) = read(put(tmp_path / "z.json", shape)).memories
        assert (memory.id, memory.category, memory.meta["invalid_at"]) == ("e", "OWNS", "2025-01-01")
    item = {
        "namespace": ["memories", "ana"],
        "key": "k",
        "value": {"kind": "Memory", "content": {"content": "Owns a boat"}},
        "created_at": "2024-11-11T10:00:00Z",
    }
    (memory,) = read(put(tmp_path / "l.json", [item])).memories
    assert (memory.id, memory.text, memory.category, memory.meta) == (
        "k",
        "Owns a boat",
        "Memory",
        {"namespace": "memories/ana"},
    )


# --- messengers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chat", "when"),
    [
        (
            "\u200e[14/10/2021, 3:34:09\u202fPM] Ana: My boat\nis torn.\n"
            "\u200e[14/10/2021, 3:35:09\u202fPM] Bo: \u200eimage omitted\n",
            datetime(2021, 10, 14, 15, 34, 9),
        ),
        (
            "10/14/21, 3:34 PM - Messages are end-to-end encrypted.\n10/14/21, 3:34 PM - Ana: My boat\nis torn.\n"
            "10/14/21, 3:35 PM - Bo: <Media omitted>\n",
            datetime(2021, 10, 14, 15, 34),
        ),
        (
            "14.10.21, 15:34 - Ana: My boat\nis torn.\n14.10.21, 15:35 - Bo: <Medien ausgeschlossen>\n",
            datetime(2021, 10, 14, 15, 34),
        ),
        (
            "14/10/2021 à 15:34 - Ana: My boat\nis torn.\n14/10/2021 à 15:35 - Bo: IMG-1.jpg (fichier joint)\n",
            datetime(2021, 10, 14, 15, 34),
        ),
        (
            "2021-10-14 15:34 - Ana: My boat\nis torn.\n2021-10-14 15:35 - Bo: <Media omitted>\n",
            datetime(2021, 10, 14, 15, 34),
        ),
    ],
)
def test_whatsapp(tmp_path: Path, chat: str, when: datetime) -> None:
    reading = read(put(tmp_path / "WhatsApp Chat with Ana.txt", chat))
    assert told(reading) == [("Ana", "My boat\nis torn.")]
    assert (reading.memories[0].created, reading.memories[0].conversation) == (when, "Ana")
    assert reading.left_out["images and other media"] == 1


def test_telegram(tmp_path: Path) -> None:
    messages = [
        {"id": 1, "type": "service", "action": "create_group", "actor_id": "user1", "date": "2024-01-01T00:00:00"},
        {
            "id": 2,
            "type": "message",
            "from": "Ana",
            "from_id": "u1",
            "date_unixtime": "1704103200",
            "text": ["My ", {"type": "bold", "text": "boat"}],
        },
        {
            "id": 3,
            "type": "message",
            "from": "Bo",
            "from_id": "u2",
            "date": "2024-01-01T11:00:00",
            "text": "",
            "media_type": "sticker",
        },
    ]
    chat = {"name": "Sailors", "type": "private_group", "id": 5, "messages": messages}
    for shape in (chat, {"about": "x", "chats": {"list": [chat]}}):
        reading = read(put(tmp_path / "result.json", shape))
        assert (told(reading), reading.memories[0].created) == ([("Ana", "My boat")], datetime(2024, 1, 1, 10))
        assert (reading.memories[0].conversation, reading.left_out) == (
            "Sailors",
            {"service messages": 1, "sticker": 1},
        )


def slack(folder: Path) -> None:
    put(folder / "users.json", [{"id": "U2", "name": "bo", "profile": {"display_name": "Bo"}}])
    put(folder / "channels.json", [{"id": "C", "name": "general"}])
    day = [
        {
            "type": "message",
            "user": "U1",
            "user_profile": {"real_name": "Ana"},
            "text": "ask <@U2> &amp; see <http://x.y|this>",
            "ts": "1709251200.0001",
        },
        {"type": "message", "subtype": "channel_join", "user": "U2", "text": "<@U2> joined", "ts": "1709251201.0"},
        {"type": "message", "user": "U2", "text": "", "files": [{}], "ts": "1709251202.0"},
        {"type": "message", "user": "U2", "text": "fixed", "thread_ts": "1709251200.0001", "ts": "1709251203.0"},
    ]
    put(folder / "general" / "2024-03-01.json", day)
    put(folder / "random" / "2024-03-01.json", [day[3] | {"text": "elsewhere"}])


def test_slack_as_folder_and_as_zip(tmp_path: Path) -> None:
    slack(tmp_path / "export")
    with zipfile.ZipFile(tmp_path / "export.zip", "w") as archive:
        for file in (tmp_path / "export").rglob("*.json"):
            archive.write(file, file.relative_to(tmp_path / "export"))
    for path in (tmp_path / "export", tmp_path / "export.zip"):
        reading = read(path)
        assert [(m.conversation, m.role, m.text) for m in reading.memories] == [
            ("general", "Ana", "ask @Bo & see this"), ("general", "Bo", "fixed"), ("random", "Bo", "elsewhere"),
        ]  # fmt: skip
        assert reading.memories[1].meta == {"thread": "1709251200.0001"}
        assert reading.left_out == {"joins and notices": 1, "files": 1, "other files": 2}


def test_discord(tmp_path: Path) -> None:
    said = {
        "id": "9",
        "type": "Default",
        "timestamp": "2024-01-01T10:00:00+00:00",
        "content": "My boat",
        "author": {"name": "ana", "nickname": "Ana"},
    }
    messages = [
        said,
        said | {"id": "10", "type": "GuildMemberJoin"},
        said | {"id": "11", "content": "", "attachments": [{}]},
    ]
    path = put(tmp_path / "d.json", {"guild": {"name": "G"}, "channel": {"name": "deck"}, "messages": messages})
    reading = read(path)
    assert [(m.id, m.role, m.conversation) for m in reading.memories] == [("9", "Ana", "deck")]
    assert reading.left_out == {"service messages": 1, "images and files": 1}


# --- notes and workbooks ----------------------------------------------------------------------------------------------


def test_markdown_is_cut_at_its_headings(tmp_path: Path) -> None:
    note = "---\ntags: [diary]\ncreated: 2024-01-05\n---\n# Friday\n\nTo the [[Boat House|house]].\n\n"
    note += "## Evening\n\n```\n# no heading\n```\n"
    one, two = read(put(tmp_path / "day.md", note)).memories
    assert (one.text, one.category, one.created) == ("Friday\n\nTo the house.", "diary", datetime(2024, 1, 5))
    assert one.meta == {"tags": ["diary"], "links": ["Boat House"]}
    assert (two.text, two.meta["heading"]) == ("Evening\n\n```\n# no heading\n```", "Friday")
    (daily,) = read(put(tmp_path / "2024-02-03.md", "no front matter")).memories
    assert daily.created == datetime(2024, 2, 3)


def test_a_vault_of_notes(tmp_path: Path) -> None:
    put(tmp_path / "vault" / ".obsidian" / "app.json", {"text": "settings"})
    put(tmp_path / "vault" / "boats" / "a.md", "A sloop.")
    put(tmp_path / "vault" / "b.txt", "One.\n\n\nTwo\nlines.\n")
    (tmp_path / "vault" / "pic.png").write_bytes(b"x")
    reading = read(tmp_path / "vault")
    assert [(m.conversation, m.text, m.source) for m in reading.memories] == [
        ("b", "One.", "vault/b.txt"), ("b", "Two\nlines.", "vault/b.txt"), ("boats/a", "A sloop.", "vault/boats/a.md"),
    ]  # fmt: skip
    assert reading.left_out == {"other files": 1}


def test_front_matter_that_is_a_bomb_is_text(tmp_path: Path) -> None:
    bomb = "---\na: &a [x]\nb: [*a, *a]\n---\nwords\n"
    assert "words" in read(put(tmp_path / "a.md", bomb)).memories[0].text


def test_a_workbook(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["date", "text", "speaker"])
    book.active.append([datetime(2024, 5, 1, 10), "My boat", "Ana"])
    book.active.append([None, None, None])
    book.active.append([45066, "An Excel day", None])
    book.save(tmp_path / "a.xlsx")
    one, two = read(tmp_path / "a.xlsx").memories
    assert (one.text, one.role, one.created) == ("My boat", "Ana", datetime(2024, 5, 1, 10))
    assert two.created == datetime(2023, 5, 20)
    (tmp_path / "b.xlsx").write_bytes(b"PK\x03\x04 nonsense")
    with pytest.raises(CoreError, match="damaged"):
        read(tmp_path / "b.xlsx")


# --- benchmarks -------------------------------------------------------------------------------------------------------


def test_realtalk(tmp_path: Path) -> None:
    turn = {
        "clean_text": "My boat is torn.",
        "speaker": "Ana",
        "date_time": "02.01.2024, 22:42:04",
        "dia_id": "D1:1",
        "img_url": [],
    }
    photo = {"clean_text": "", "speaker": "Bo", "date_time": "02.01.2024, 22:43:00", "dia_id": "D1:2", "img_url": ["x"]}
    qa = [{"question": "What is torn?", "answer": "the boat", "evidence": ["D1:1"], "category": 1}]
    chat = {
        "name": {"speaker_1": "Ana"},
        "session_1": [turn, photo, photo | {"dia_id": "D1:3", "blip_caption": "a dog"}],
        "qa": qa,
    }
    reading = read(put(tmp_path / "Chat_1.json", chat))
    assert [(m.id, m.text) for m in reading.memories] == [
        ("Chat_1/D1:1", "Ana: My boat is torn."),
        ("Chat_1/D1:3", "Bo: [a dog]"),
    ]
    assert (reading.memories[0].created, reading.questions[0].evidence) == (
        datetime(2024, 1, 2, 22, 42, 4),
        ("Chat_1/D1:1",),
    )
    assert reading.left_out == {"images": 1}


def test_beam(tmp_path: Path) -> None:
    turns = [[{"role": "user", "id": 0, "time_anchor": "March-15-2024", "content": "My boat is torn."},
              {"role": "assistant", "id": 1, "time_anchor": None, "content": "Mend it."}]]  # fmt: skip
    put(tmp_path / "b" / "7" / "chat.json", [{"batch_number": 1, "time_anchor": None, "turns": turns}])
    probes = {
        "abstention": [{"question": "Who?", "ideal_response": "unknown", "rubric": []}],
        "event_ordering": [
            {"question": "What?", "answer": "torn", "rubric": [], "source_chat_ids": {"a": [0], "b": [0, 1]}}
        ],
    }
    put(tmp_path / "b" / "7" / "probing_questions" / "probing_questions.json", probes)
    reading = read(tmp_path / "b")
    assert [(m.id, m.role, m.created) for m in reading.memories] == [
        ("7/0", "user", datetime(2024, 3, 15)), ("7/1", "assistant", datetime(2024, 3, 15)),
    ]  # fmt: skip
    assert [(q.category, q.evidence) for q in reading.questions] == [
        ("abstention", ()),
        ("event_ordering", ("7/0", "7/1")),
    ]


def test_precision_mem_bench(tmp_path: Path) -> None:
    belief = {
        "_id": "b1",
        "type": "preference",
        "content": "Prefers sloops.",
        "scope": ["user"],
        "epistemic_status": "active",
    }
    (memory,) = read(put(tmp_path / "beliefs.json", [belief])).memories
    assert (memory.id, memory.category, memory.meta["epistemic_status"]) == ("b1", "preference", "active")
    case = {"caseId": "c", "category": "x", "query": "Which boat?", "expect": {"pinned": {"mustInclude": ["b1"]}}}
    (question,) = read(put(tmp_path / "cases.json", [case])).questions
    assert (question.id, question.text, question.evidence) == ("c", "Which boat?", ("b1",))


def test_locomo_without_questions_and_answers_of_any_kind(tmp_path: Path) -> None:
    turns = {
        "session_1_date_time": "10:00 on 9 May 2023",
        "session_1": [{"speaker": "Ana", "dia_id": "D1:1", "text": "My boat."}],
    }
    sample = {"sample_id": "c", "conversation": turns}
    assert [m.created for m in read(put(tmp_path / "l.json", [sample])).memories] == [datetime(2023, 5, 9, 10)]
    qa = [{"question": "Which?", "answer": ["a", 2], "evidence": ["D1:1"]}]
    assert read(put(tmp_path / "l.json", [sample | {"qa": qa}])).questions[0].answer == "a, 2"


def test_longmemeval_says_which_questions_cannot_be_measured(tmp_path: Path) -> None:
    case = {
        "question_id": "q",
        "question": "Which?",
        "answer": "a",
        "haystack_sessions": [[{"role": "user", "content": "My boat."}]],
    }
    reading = read(
        put(
            tmp_path / "l.json",
            [case, case | {"question_id": "r_abs"}, case | {"question_id": "s", "answer_session_ids": ["x"]}],
        )
    )
    assert sum(reading.left_out.values()) == 3
    assert any("only a session" in what for what in reading.left_out)
    assert [q.evidence for q in reading.questions] == [(), (), ()]


# --- boxes, nested files, encodings -----------------------------------------------------------------------------------


def test_zips_in_zips_and_members_that_cannot_be_read(tmp_path: Path) -> None:
    put_lines(tmp_path / "a.jsonl", {"text": "inside"})
    with zipfile.ZipFile(tmp_path / "inner.zip", "w") as archive:
        archive.write(tmp_path / "a.jsonl", "deep/a.jsonl")
        archive.writestr("../../evil.jsonl", '{"text": "stays inside"}\n')
    with zipfile.ZipFile(tmp_path / "outer.zip", "w") as archive:
        archive.write(tmp_path / "inner.zip", "inner.zip")
        archive.writestr("bad.json", "[")
    reading = read(tmp_path / "outer.zip")
    assert [m.source for m in reading.memories] == [
        "outer.zip/inner.zip/deep/a.jsonl",
        "outer.zip/inner.zip/evil.jsonl",
    ]
    assert [(r.source, r.line) for r in reading.refused] == [("outer.zip/bad.json", 0)]
    assert not (tmp_path.parent / "evil.jsonl").exists()


def test_a_nested_file_nobody_knows_shows_where_its_texts_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MNEMOSCOPE_DATA", str(tmp_path / "data"))
    posts = [{"by": "Ana", "words": "My boat is torn and old."}, {"by": "Bo", "words": "Mend it."}]
    path = put(tmp_path / "forum.json", [{"board": "sails", "threads": [{"id": "t1", "posts": posts}]}])
    assert preview(path)[0].path == "threads[].posts[].words"
    with pytest.raises(CoreError, match=r"--text-field threads\[\]\.posts\[\]\.words"):
        read(path)
    chosen = read(path, options=Options(text_field="threads[].posts[].words"))
    assert [(m.text, m.conversation, m.meta["by"], m.meta["board"]) for m in chosen.memories] == [
        ("My boat is torn and old.", "t1", "Ana", "sails"), ("Mend it.", "t1", "Bo", "sails"),
    ]  # fmt: skip
    again = read(path)
    assert (again.memories, "as chosen before" in again.said[0]) == (chosen.memories, True)


@pytest.mark.parametrize(
    ("text", "codec", "named"),
    [
        ("id;text\n1;José pidió un café con leñador\n", "latin-1", "Windows-1252"),
        ("id,text\n1,“smart quotes” – and dash\n", "cp1252", "Windows-1252"),
        ("text\nпривет как дела сегодня вечером\n", "cp1251", "Windows-1251"),
        ("text\n我喜欢喝茶，我们昨天去了湖边。\n", "gb18030", "GBK"),
        ("text\nお茶が好きです。昨日は湖に行きました。\n", "shift_jis", "Shift-JIS"),
        ("text\ncafé con leñador\n", "utf-16", "UTF-16"),
        ("text\ncafé con leñador\n", "utf-32", "UTF-32"),
        ("text\nplain words and more\n", "utf-16-le", "UTF-16"),
    ],
)
def test_encodings_are_found_and_said(tmp_path: Path, text: str, codec: str, named: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode(codec))
    reading = read(path)
    assert reading.memories[0].text == text.strip().split("\n")[1].split(";")[-1].split("1,")[-1]
    assert f"read as {named}" in reading.said[0]
    assert read(path, options=Options(encoding=codec)).memories == reading.memories


def test_texts_decoded_wrongly_are_said_and_mended_on_request(tmp_path: Path) -> None:
    path = put(
        tmp_path / "a.json",
        [{"sender_name": "Ana", "timestamp_ms": 1_600_000_000_000, "content": "caf\u00c3\u00a9 con Jos\u00c3\u00a9"}],
    )
    assert (read(path).memories[0].text, "repair" in read(path).said[0]) == ("cafÃ© con JosÃ©", True)
    assert read(path, options=Options(repair=True)).memories[0].text == "café con José"


@pytest.mark.parametrize(
    "table",
    [
        "id|text\n1|a bar\n",
        "sep=;\r\nid;text\r\n1;a bar\r\n",
        "id\ttext\n1\ta bar\n",
        '\ufeffid;text\n1;"a bar"\n',
        "note,id,text\nx,1,a bar\n",
    ],
)
def test_dialects(tmp_path: Path, table: str) -> None:
    (memory,) = read(put(tmp_path / "a.csv", table)).memories
    assert (memory.id, memory.text) == ("1", "a bar")


def test_quotation_marks_with_backslashes(tmp_path: Path) -> None:
    (memory,) = read(put(tmp_path / "a.csv", 'id,text\n1,"she said \\"ahoy\\", twice"\n')).memories
    assert memory.text == 'she said "ahoy", twice'


def bomb_of_members(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for i in range(30):
            archive.writestr(f"{i}.jsonl", '{"text": "x"}\n')


def test_limits_stop_a_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from core.readers import limits

    path = tmp_path / "b.zip"
    bomb_of_members(path)
    monkeypatch.setattr(limits, "MAX_MEMBERS", 20)
    with pytest.raises(CoreError, match="more than 20 files"):
        read(path)
    monkeypatch.setattr(limits, "MAX_MEMBERS", 100)
    monkeypatch.setattr(limits, "MAX_UNPACKED", 100)
    with pytest.raises(CoreError, match="more than there is room for"):
        read(path)


def test_refusals_beyond_the_first_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from core.readers import limits

    monkeypatch.setattr(limits, "REFUSALS_KEPT", 3)
    reading = read(put_lines(tmp_path / "a.jsonl", {"text": "x"}, *({"text": ""} for _ in range(10))))
    assert (len(reading.refused), reading.refused_more) == (3, 7)
