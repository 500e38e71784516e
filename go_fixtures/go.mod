module gomatrix.test/fixtures

go 1.21
