module example.test/rule-out-a-suspect

go 1.21
