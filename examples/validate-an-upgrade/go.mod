module example.test/validate-an-upgrade

go 1.21
