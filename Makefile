# Each target names a command that can as well be typed.

.PHONY: build test race vet fuzz bench testnet ci

build:
	go build ./cmd/...

test:
	go test ./...

race:
	go test -race -shuffle=on ./...

vet:
	go vet ./...

fuzz:
	.ci/fuzz 20

bench:
	go test -run '^$$' -bench . -benchmem ./...

testnet:
	go run ./testnet

ci:
	.ci/run
