"""What the documentation shows works: Python blocks run, C and C++ blocks compile, command lines parse."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from metaworld_rt import bundles, cli

ROOT = Path(__file__).resolve().parents[2]
PAGES = [page for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))) if page.is_file()]


def blocks(language):
    """(page:line, text) of every fenced block of a language."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for match in re.finditer(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
            line = text[: match.start()].count("\n") + 1
            found.append(pytest.param(match.group(1), id=f"{page.relative_to(ROOT)}:{line}"))
    return found


@pytest.mark.parametrize("code", blocks("python"))
def test_python_blocks_run(code, tmp_path):
    if "h1-locomotion" in code and "h1-locomotion" not in bundles.shipped():
        pytest.skip("the bundle it loads is not shipped yet")
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("code", blocks("cpp"))
def test_cpp_blocks_compile(code, tmp_path):
    compiler = os.environ.get("CXX") or shutil.which("c++") or shutil.which("g++")
    if compiler is None:
        pytest.skip("no C++ compiler")
    (tmp_path / "example.cpp").write_text(code)
    command = [
        compiler,
        "-std=c++20",
        "-fsyntax-only",
        "-Wall",
        "-Werror",
        "-I",
        ROOT / "cpp" / "include",
        "example.cpp",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("code", blocks("c"))
def test_c_blocks_compile(code, tmp_path):
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler")
    (tmp_path / "example.c").write_text(code)
    command = [compiler, "-std=c99", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-I", ROOT / "cpp" / "include"]
    done = subprocess.run(
        [*command, "example.c"], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr


def command_lines():
    """Every `metaworld-rt ...` command of a shell block; continuations joined, comments and prompts left out."""
    found = []
    for block in blocks("(?:sh|bash|console|shell)"):
        text = block.values[0].replace("\\\n", " ")
        for command in re.split(r"&&|\n|;", text):
            match = re.match(r"^\s*(?:\$ )?(?:\S*/)?metaworld-rt\s+([^#]*)", command)
            if match:
                found.append(pytest.param(match.group(1), id=f"{block.id} {match.group(1)[:40]}"))
    return found


@pytest.mark.parametrize("line", command_lines())
def test_command_lines_parse(line):
    arguments = shlex.split(line)
    if "--help" not in arguments and "--version" not in arguments:
        cli.parser().parse_args(arguments)


def links():
    """Relative links of every page."""
    found = []
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
            if "://" not in target and not target.startswith("mailto:"):
                found.append(pytest.param(page, target, id=f"{page.name} {target}"))
    return found


@pytest.mark.parametrize(("page", "target"), links())
def test_relative_links_lead_somewhere(page, target):
    assert (page.parent / target).exists()


def test_there_is_something_to_check():
    assert PAGES, "no documentation found beside the tests"
    assert links()
