"""The generated pages say what the code says now."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
spec = importlib.util.spec_from_file_location("generate_docs", ROOT / "docs" / "generate.py")
generate = importlib.util.module_from_spec(spec)
spec.loader.exec_module(generate)


@pytest.mark.parametrize("name", generate.PAGES)
def test_a_generated_page_is_fresh(name):
    page = ROOT / "docs" / name
    assert page.read_text(encoding="utf-8") == generate.PAGES[name](), "stale: run python docs/generate.py"


def test_the_check_notices_a_stale_page(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(generate, "DOCS", tmp_path)
    monkeypatch.setattr("sys.argv", ["generate.py", "--check"])
    assert generate.main() == 1
    assert "stale: papers.md" in capsys.readouterr().err


def test_no_page_shows_an_address_in_memory():
    for name, make in generate.PAGES.items():
        assert " at 0x" not in make(), name
