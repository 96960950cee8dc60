package awake_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"backbone/internal/awake"
)

func TestWithTimeoutEndsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		ctx, cancel := awake.WithTimeout(t.Context(), time.Second)
		defer cancel()
		<-ctx.Done()
		if took := time.Since(begun); took != time.Second || !errors.Is(ctx.Err(), context.DeadlineExceeded) {
			t.Errorf("%v after %v", ctx.Err(), took)
		}
	})
}

func TestWithTimeoutEndsWithItsParentAndWhenCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parent, stop := context.WithCancelCause(t.Context())
		ctx, cancel := awake.WithTimeout(parent, time.Second)
		defer cancel()
		stop(errors.New("the session is over"))
		<-ctx.Done()
		if !errors.Is(ctx.Err(), context.Canceled) {
			t.Errorf("of a cancelled parent: %v", ctx.Err())
		}
		ctx, cancel = awake.WithTimeout(t.Context(), time.Second)
		cancel()
		<-ctx.Done()
		time.Sleep(2 * time.Second)
		if !errors.Is(ctx.Err(), context.Canceled) {
			t.Errorf("cancelled: %v", ctx.Err())
		}
	})
}
