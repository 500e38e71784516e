"""What an error about an unknown word ends with."""

from harness.text.suggestions import did_you_mean


def test_a_similar_word_is_suggested() -> None:
    assert did_you_mean("rss.paek", ["wall", "rss.peak"]) == "; did you mean 'rss.peak'?"


def test_few_valid_words_are_all_listed() -> None:
    assert did_you_mean("x", ["wall", "rss.peak"]) == "; valid here: wall, rss.peak"
    assert did_you_mean("x", []) == ""


def test_of_many_valid_words_the_nearest_few_are_listed() -> None:
    names = [f"go1.24.{patch} GOGC={value} A=b" for patch in range(20) for value in range(10)]
    said = did_you_mean("go1.99.7", names)
    assert said.startswith("; the nearest of 200 valid ones: ")
    assert said.count("GOGC") == 5
    assert "go1.24.9 GOGC=9 A=b" in said
