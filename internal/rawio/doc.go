// Package rawio reads from and writes to descriptors that do not block, without telling the
// scheduler: that would cost more than a tenth of a small write. A call that a signal interrupts is
// made again. Call Read and Write for nothing that may wait; what Wrap returns waits as any
// connection does. All is safe for concurrent use by multiple goroutines, as the system calls are.
package rawio
