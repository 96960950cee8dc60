// Package rawio reads from and writes to descriptors that do not block, without telling the
// scheduler: that would cost more than a tenth of a small write. Call it for nothing that may wait.
// Its functions are safe for concurrent use by multiple goroutines, as the system calls are.
package rawio
