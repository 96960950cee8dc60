//go:build !unix

package proctest

import "time"

// CPU is 0: only Unix tells.
func CPU() time.Duration { return 0 }
