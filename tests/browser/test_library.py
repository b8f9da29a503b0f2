from __future__ import annotations

import json
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.conftest import Server, arrive, quiet, visit


def test_import_by_upload_with_its_report(server: Server, page: Page, tmp_path: Path) -> None:
    """A new bank, an uploaded file with a bad row, its report, and a question to what was imported."""
    rows = [
        {"id": f"note-{i}", "text": f"On day {i} the lighthouse keeper wrote about storm number {i}."}
        for i in range(12)
    ]
    rows.append(
        {
            "id": "hostile",
            "text": "<img src=x onerror=\"document.title='owned'\"> **night** $x$ <script>document.title=1</script>",
        }
    )
    file = tmp_path / "notes <b>.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in [*rows, {"id": "bad"}]), encoding="utf-8")
    visit(page, f"{server.url}/library")
    page.get_by_role("button", name="Open or create a bank").click()
    page.get_by_label("A new bank, by name").fill("storms")
    page.get_by_label("A new bank, by name").press("Enter")
    quiet(page)
    page.get_by_role("button", name="Create", exact=True).click()
    expect(page.get_by_role("heading", name="storms")).to_be_visible()
    arrive(page, "**bank=storms**")
    expect(page.get_by_text("This bank is empty")).to_be_visible()
    page.keyboard.press("Escape")
    page.locator('input[type="file"]').set_input_files(file)
    expect(page.get_by_text("notes <b>.jsonl")).to_be_visible()
    quiet(page)
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_text("13 memories encoded")).to_be_visible(timeout=90_000)
    expect(page.get_by_text("14 rows read: 13 added, 0 already there, 1 refused")).to_be_visible()
    expect(page.get_by_test_id("stSidebar").get_by_text("13 memories")).to_be_visible()
    quiet(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the refused rows").click()
    refused = Path(download.value.path()).read_text(encoding="utf-8")
    assert "notes <b>.jsonl" in refused
    assert "text" in refused
    with page.expect_download() as download:
        page.get_by_role("button", name="Memories as JSON Lines").click()
    stored = [json.loads(line) for line in Path(download.value.path()).read_text(encoding="utf-8").splitlines()]
    assert {row["id"] for row in stored} == {row["id"] for row in rows}
    page.get_by_test_id("stSidebar").get_by_text("Recall").click()
    arrive(page, "**/recall?**")
    page.get_by_label("Ask in your own words").fill("storm number 7")
    page.get_by_role("button", name="Recall", exact=True).click()
    expect(page.locator('section[aria-label="Sparse"] .card').first).to_have_attribute(
        "data-id", "note-7", timeout=60_000
    )
    quiet(page)
    page.get_by_label("Ask in your own words").fill("night")
    page.get_by_role("button", name="Recall", exact=True).click()
    card = page.locator('section[aria-label="Sparse"] .card').first
    expect(card).to_contain_text("<img src=x onerror=")
    quiet(page)
    card.click()
    arrive(page, "**memory=hostile**")
    expect(page.locator(".said").last).to_contain_text("<script>document.title=1</script>")
    page.get_by_role("button", name="Open in Memory").click()
    expect(page.locator(".words")).to_contain_text("<script>document.title=1</script>")
    assert page.title() == "Memory · Mnemoscope"
