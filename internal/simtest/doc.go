// Package simtest drives several instances through faults in one goroutine: hubs and
// ingests step by step, and between them a model of Redis and of the links to it. A seed
// chooses every step, so a run that fails is replayed exactly:
//
//	go test ./internal/simtest -run TestSeeds -from=4711 -seeds=1 -v
//
// What consumers hear is compared with a naive model while it arrives, and with the
// promises of docs/guarantees.md once everything has healed.
package simtest
