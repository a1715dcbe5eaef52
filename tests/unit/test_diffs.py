"""How a difference is cut into files and lines for a page."""

from honk.doors.web.diffs import read_diff

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


def test_files_have_names_counts_and_kinds_of_lines() -> None:
    first, second = read_diff(TWO).files
    assert (first.name, first.added, first.removed) == ("app.py", 1, 1)
    kinds = [line.kind for line in first.lines]
    assert kinds == ["meta", "meta", "hunk", "", "del", "add", "", "meta"]
    assert second.name == "a/old.bin b/old.bin"
    assert [line.text for line in second.lines][-1].startswith("Binary files")


def test_a_line_of_the_change_is_no_heading() -> None:
    """What looks like a heading within a hunk is content: it must not name the file."""
    text = "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1,2 +1 @@\n--- a/secret\n+++ b/innocent\n"
    (file,) = read_diff(text).files
    assert (file.name, file.added, file.removed) == ("x", 1, 1)


def test_a_separator_of_lines_that_is_none_in_a_diff_stays_within_its_line() -> None:
    (file,) = read_diff("diff --git a/x b/x\n@@ -0,0 +1 @@\n+one\x0ctwo\u2028three\rfour\n").files
    assert file.lines[-1].text == "+one\x0ctwo\u2028three\rfour"


def test_what_is_too_much_is_cut_and_counted() -> None:
    text = "diff --git a/x b/x\n@@ -0,0 +1,5000 @@\n" + "+line\n" * 5000
    diff = read_diff(text)
    assert diff.cut == 2002 and diff.files[0].folded and len(diff.files[0].lines) == 2999
    (long,) = read_diff("diff --git a/x b/x\n@@ -0,0 +1 @@\n+" + "x" * 100_000).files
    assert len(long.lines[-1].text) == 2001 and long.lines[-1].text.endswith("…")


def test_nothing_and_nonsense_do_not_fail() -> None:
    assert read_diff("").files == ()
    assert len(read_diff("M app.py\n").files) == 1
    assert len(read_diff("@@\n" * 3).files) == 1
