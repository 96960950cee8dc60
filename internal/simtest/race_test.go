//go:build race

package simtest

const defaultSeeds = 100 // the detector makes each ten times as slow
