"""How a difference is cut into files, hunks and lines, and what of a line was changed."""

import difflib
import html
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from honk.doors.web.colours import coloured, language_of
from honk.doors.web.diff_lines import WIDTH, Effort, Look, piece_of, segments, shown_name
from honk.doors.web.diffs import DiffLine, FileDiff, read_diff
from honk.doors.web.words import Marker, Spans

TWO = """diff --git a/app.py b/app.py
index 111..222 100644
--- a/app.py
+++ b/app.py
@@ -1,3 +1,3 @@ def f():
 one
-two
+++ two
 three
\\ No newline at end of file
diff --git a/old.bin b/old.bin
deleted file mode 100644
index 333..000
Binary files a/old.bin and /dev/null differ
"""
LOOK = Look(path="app.py", file="0123456789ab", asks=True, wider="/wider?a=1&b=2")
#: lines that could be mistaken for something else, and ones that repeat
LINES = st.lists(
    st.one_of(
        st.text(alphabet="ab +-@\\\t\r\x0c\u2028<&é\u202e", max_size=8),
        st.sampled_from(["-- a/x", "++ b/x", "@@ -1 +1 @@", "diff --git a/y b/y", "\\ No newline at end of file"]),
    ),
    max_size=12,
)


def diff_of(old: list[str], new: list[str], context: int = 1) -> str:
    lines = difflib.unified_diff(old, new, "a/x", "b/x", n=context, lineterm="")
    return "diff --git a/x b/x\n" + "".join(f"{line}\n" for line in lines)


def words_of(markup: str) -> str:
    """The words of lines as they stand on a page, one line each."""
    cells = re.findall(r'<td class="c">(.*?)</td>', markup, re.DOTALL)
    return "\n".join(html.unescape(re.sub(r"<[^>]+>", "", cell)) for cell in cells)


def test_files_have_names_numbers_and_ends() -> None:
    first, second = read_diff(TWO)
    assert (first.before, first.after, second.after) == ("app.py", "app.py", "old.bin")
    (hunk,) = first.hunks
    assert hunk.heading == "def f():"
    assert hunk.lines == (
        DiffLine(" ", "one", 1, 1),
        DiffLine("-", "two", 2, 0),
        DiffLine("+", "++ two", 0, 2),
        DiffLine(" ", "three", 3, 3, ends=False),
    )
    assert second.hunks == () and second.head[-1].startswith("Binary files")


@given(LINES, LINES, st.integers(0, 4))
def test_every_line_of_a_difference_is_there_exactly_once(old: list[str], new: list[str], context: int) -> None:
    """What looks like a heading within a hunk is content; a separator that is none in a diff stays in its line."""
    text = diff_of(old, new, context)
    assert "".join(file.text() for file in read_diff(text)) == text
    (file,) = read_diff(text)
    lines = [line for hunk in file.hunks for line in hunk.lines]
    assert all(old[line.old - 1] == line.text for line in lines if line.old)
    assert all(new[line.new - 1] == line.text for line in lines if line.new)
    assert old == new or file.after == "x"


@given(st.text(alphabet='diff -git@+/ab,123 \n\\"', max_size=200))
def test_no_text_makes_it_fail_and_none_is_lost(text: str) -> None:
    kept = "".join(file.text() for file in read_diff(text))
    marks = "\\ No newline at end of file\n"
    assert kept.replace(marks, "").strip("\n") == re.sub(r"(?m)^\\ .*\n?", "", text).strip("\n") or "\\ " in text


@pytest.mark.parametrize(
    ("head", "names"),
    [
        ('diff --git "a/\\303\\274 \\"x\\".py" "b/\\303\\274 \\"x\\".py"', ('ü "x".py', 'ü "x".py')),
        ("diff --git a/a b/c b/a b/c", ("a b/c", "a b/c")),
        ('diff --git "a/\\377\\n" "b/\\377\\n"\nold mode 100644\nnew mode 100755', ("\udcff\n", "\udcff\n")),
        ("diff --git a/x b/y\nrename from x\nrename to y", ("x", "y")),
        ("diff --git a/x b/x\n--- /dev/null\n+++ b/x", ("x", "x")),
        ("nonsense", ("", "")),
    ],
)
def test_names_are_exact(head: str, names: tuple[str, str]) -> None:
    (file,) = read_diff(head)
    assert (file.before, file.after) == names


@given(st.text(max_size=60), st.text(max_size=60))
def test_marked_words_join_to_the_line(old: str, new: str) -> None:
    pair = Marker().changed(old, new)
    for line, spans in zip((old, new), pair or ((), ()), strict=True):
        assert "".join(text for _, _, text in segments([("k", line[:3]), ("", line[3:])], spans)) == line
        assert all(0 <= start < end <= len(line) for start, end in spans)
    if pair is not None:
        rest = [_without(line, spans) for line, spans in zip((old, new), pair, strict=True)]
        assert rest[0] == rest[1], "what is not marked is the same in both"


def _without(line: str, spans: Spans) -> str:
    return "".join(char for at, char in enumerate(line) if not any(start <= at < end for start, end in spans))


def test_only_the_changed_words_of_a_line_are_marked() -> None:
    assert Marker().changed("total = price * count", "total = price * amount") == (((16, 21),), ((16, 22),))
    assert Marker().changed("import os", "return 17 + (x)") is None
    (file,) = read_diff("@@ -1,2 +1,2 @@\n-play(song)\n-stop()\n+play(track)\n+stop()\n")
    assert Marker().marks(file.hunks[0].lines) == {0: ((5, 9),), 2: ((5, 10),)}


def test_comparing_words_is_bounded() -> None:
    marker = Marker()
    many = [DiffLine("-", "a b " * 200, n, 0) for n in range(3000)] + [
        DiffLine("+", "b a " * 200, 0, n) for n in range(3000)
    ]
    marker.marks(many)
    assert marker.work <= 0
    assert Marker().changed("x" * 5000, "x" * 5000 + "y") is None


@given(LINES, LINES, st.integers(1, 3), st.integers(1, 200))
@settings(max_examples=60, deadline=None)
def test_pieces_are_the_whole(old: list[str], new: list[str], lines: int, characters: int) -> None:
    """Whatever is asked for in one go, every line comes once, in order, and as itself."""
    (file,) = read_diff(diff_of(old, new))
    got, start = [], 0
    while True:
        piece = piece_of(file, LOOK, Effort(lines=lines, characters=characters), start=start)
        got += re.findall(r"<tr.*?</tr>", piece.html, re.DOTALL)
        if not piece.rest:
            break
        assert piece.rest > start
        start = piece.rest
    whole = re.findall(r"<tr.*?</tr>", piece_of(file, LOOK).html, re.DOTALL)
    assert [words_of(row) for row in got] == [words_of(row) for row in whole]
    assert len(got) == sum(len(hunk.lines) for hunk in file.hunks)


def test_a_line_leads_to_a_question_about_it() -> None:
    (file,) = read_diff(TWO.partition("diff --git a/old.bin")[0])
    markup = piece_of(file, LOOK).html
    assert '<a href="?file=0123456789ab&amp;line=2&amp;side=old#ask">2</a>' in markup
    assert '<a href="?file=0123456789ab&amp;line=2#ask">2</a>' in markup
    assert markup.count("<a ") == 4 and "no newline at the end" in markup
    silent = piece_of(file, Look(path="app.py", file="0123456789ab", asks=False)).html
    assert "<a " not in silent and "<td>2</td>" in silent


def test_what_lies_between_hunks_is_counted_and_leads_to_more() -> None:
    (file,) = read_diff("@@ -5,1 +5,1 @@\n-a\n+b\n@@ -10,1 +10,1 @@\n-a\n+b\n")
    markup = piece_of(file, LOOK).html
    assert markup.count('href="/wider?a=1&amp;b=2"') == 2
    assert markup.count("4 lines not shown") == 2


def test_what_nobody_would_see_is_shown() -> None:
    hostile = "if x:\u202e # \u2066admin\u200b\x1b[31m\x00\ud800\r<script>&"
    (file,) = read_diff(f"@@ -0,0 +1 @@\n+{hostile}\n")
    markup = str(piece_of(file, LOOK).html)
    assert not set("\u202e\u2066\u200b\x1b\x00\ud800\r") & set(markup) and "<script" not in markup
    shown = words_of(markup)
    assert all(name in shown for name in ("U+202E", "U+2066", "U+200B", "ESC", "NUL", "U+D800", "CR", "<script>&"))
    assert "right-to-left override" in markup
    assert str(shown_name("a/\udcff\u202e<b>\n.py")) == (
        'a/<wbr>\\xff<span class="odd" title="right-to-left override">U+202E</span>&lt;b&gt;'
        '<span class="odd" title="control character">U+000A</span>.py'
    )


def test_line_ends_that_changed_are_seen_and_others_are_not() -> None:
    (file,) = read_diff("@@ -1,2 +1,2 @@\n same\r\n-one\r\n+one\n")
    assert words_of(piece_of(file, LOOK).html) == "same\noneCR\none"


def test_a_line_of_a_megabyte_is_cut_and_counted() -> None:
    (file,) = read_diff("@@ -1 +1 @@\n-" + "x " * 500_000 + "\n+" + "y " * 500_000 + "\n")
    markup = piece_of(file, LOOK).html
    assert len(markup) < 3 * WIDTH and "998,000 more characters" in markup


def test_colours_are_classes_and_the_text_stays() -> None:
    lines = ["def play(x):  # now", '    return f"é{x}" + 1', ""]
    pieces = coloured("python", lines, until=1.0, clock=lambda: 0.0)
    assert ["".join(text for _, text in line) for line in pieces] == lines
    assert pieces[0][0] == ("k", "def") and ("f", "play") in pieces[0] and ("c", "# now") in pieces[0]
    assert (
        language_of("a/b/Makefile") == "make" and language_of("x.TS") == "typescript" and language_of("LICENSE") == ""
    )


@given(st.sampled_from(["python", "javascript", "html", "json", "markdown"]), LINES)
@settings(max_examples=60, deadline=None)
def test_colours_lose_nothing(language: str, lines: list[str]) -> None:
    pieces = coloured(language, lines, until=1.0, clock=lambda: 0.0)
    assert ["".join(text for _, text in line) for line in pieces] == lines


def test_colours_end_when_the_time_does() -> None:
    lines = ["def f(): return 1"] * 500
    times = iter(range(10_000))
    pieces = coloured("python", lines, until=5.0, clock=lambda: float(next(times)))
    assert pieces[0][0] == ("k", "def") and pieces[-1] == [("", lines[-1])]
    assert coloured("python", lines, until=0.0, clock=lambda: 1.0)[0] == [("", lines[0])]
    assert coloured("python", ["#" * 1000, "def f"], until=1.0, clock=lambda: 0.0)[0] == [("", "#" * 1000)]


def test_nothing_is_nothing() -> None:
    assert read_diff("") == ()
    assert piece_of(FileDiff("", "", (), ()), LOOK).html == ""
