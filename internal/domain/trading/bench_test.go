package trading

import (
	"testing"

	"backbone/internal/domain/common"
)

const usual = `{"type":"price_update","instrument":"BTC_USDT","price":60214.3,"ts":1710000000}`

// BenchmarkDecodeValidate is the whole way from the bytes of a message to its event.
func BenchmarkDecodeValidate(b *testing.B) {
	dec, msg := common.NewDecoder(), []byte(usual)
	domains := common.NewDomains(PriceUpdate{})
	b.ReportAllocs()
	for b.Loop() {
		err := dec.Batch(msg, func(_ int, obj *common.Object, err error) bool {
			if err != nil {
				b.Fatal(err)
			}
			domain, ok := domains.Lookup(obj.Type())
			if !ok {
				b.Fatal(obj.Type())
			}
			if _, err := domain.Validate(obj); err != nil {
				b.Fatal(err)
			}
			return true
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}
