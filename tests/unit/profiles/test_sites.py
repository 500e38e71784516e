"""Allocation sites by the names that a program's author knows."""

import pytest

from harness.profiles.pprof import Stack
from harness.profiles.sites import by_site, site, site_and_callers


@pytest.mark.parametrize(
    ("stack", "module", "expected"),
    [
        (("main.main", "main.fill"), "", "main.fill"),
        (("main.main", "main.fill", "runtime.makeslice"), "", "main.fill"),
        (("main.main", "main.fill", "internal/runtime/maps.newarray"), "", "main.fill"),
        (("main.main", "main.serve", "time.NewTimer", "time.newTimer"), "",
         "main.serve, in time.newTimer"),
        # the innermost of the user's, also where a library calls back
        (("main.main", "sort.Slice", "main.less", "strings.ToLower", "runtime.makeslice"), "",
         "main.less, in strings.ToLower"),
        (("main.main", "example.com/app/db.(*Pool).get", "bufio.NewReaderSize"),
         "example.com/app", "example.com/app/db.(*Pool).get, in bufio.NewReaderSize"),
        (("main.main", "example.com/app.Run", "example.com/application.New"), "example.com/app",
         "example.com/app.Run, in example.com/application.New"),
        (("testing.(*B).runN", "gopkg.in/yaml%2ev3_test.BenchmarkX", "bytes.growSlice"),
         "gopkg.in/yaml.v3", "gopkg.in/yaml%2ev3_test.BenchmarkX, in bytes.growSlice"),
        (("testing.(*B).runN", "gopkg.in/yaml%2ev3.Decode", "bytes.growSlice"),
         "gopkg.in/yaml.v3", "gopkg.in/yaml%2ev3.Decode, in bytes.growSlice"),
        # nothing of the user's: another module lies nearer to it than the standard library
        (("net/http.(*conn).serve", "github.com/x/mux.(*Router).ServeHTTP", "bytes.growSlice"),
         "example.com/app", "github.com/x/mux.(*Router).ServeHTTP, in bytes.growSlice"),
        (("net/http.(*conn).serve", "bufio.NewReaderSize"), "example.com/app",
         "bufio.NewReaderSize"),
        (("runtime.goexit", "runtime.malg"), "", "runtime.malg"),
        ((), "", "?"),
    ],
)  # fmt: skip
def test_a_site_is_the_users_function_and_what_allocates_for_it(
    stack: Stack, module: str, expected: str
) -> None:
    assert site(stack, module) == expected


def test_a_site_takes_the_place_of_its_function_and_all_that_it_calls() -> None:
    stack = ("main.main", "main.serve", "time.NewTimer", "time.newTimer", "runtime.newobject")
    assert site_and_callers(stack) == ("main.main", "main.serve, in time.newTimer")
    assert by_site({stack: 3.0, (*stack[:-1], "runtime.x"): 4.0, ("main.main",): 1.0}) == {
        "main.serve, in time.newTimer": 7.0, "main.main": 1.0,
    }  # fmt: skip
