//go:build !linux

package bench

// processor is the name of the first processor, which only Linux tells.
func processor() string { return "" }
