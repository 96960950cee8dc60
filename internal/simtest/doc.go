// Package simtest drives several instances through faults in one goroutine: hubs and
// ingests step by step, and between them a model of Redis and of the links to it. A seed
// chooses every step, so a run that fails is replayed exactly:
//
//	make sim FROM=4711 SEEDS=1
//
// What consumers hear is compared with a naive model while it arrives, and with the
// promises of docs/guarantees.md once everything has healed.
package simtest
