module example.test/github-actions

go 1.21
