module example.test/comparisons-as-tests

go 1.21
