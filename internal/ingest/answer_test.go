package ingest

import (
	"testing"

	"backbone/internal/hub"
)

func TestAnAnswerFromBeforeAQuestionIsNoneToIt(t *testing.T) {
	b := newBox(t, true)
	mine := from("a", "X", 10, 4, "mine")
	b.take(mine)
	b.wait(2 * testTTL)
	question := from("c", "X", 1, 0, "{}")
	question.Kind = hub.Resync
	b.take(question)
	b.take(again(mine)) // another holder was first, and then an instance came that did not hear it
	b.take(question)
	b.wait(maxOfferDelay)
	b.settle()
	want(t, "offered", b.offered(), "recovered X mine")
}
