package config

import (
	"time"

	"github.com/alecthomas/kong"
)

// Serve is what one instance can be told. Its tags are the flags of "backbone serve".
type Serve struct {
	Listen      string `group:"Addresses" default:"127.0.0.1:8080" help:"Address for consumers and ingestors. Port 0 takes a free one and the log names it. An address that other machines reach needs --ingest-keys-file."`
	AdminListen string `group:"Addresses" default:"127.0.0.1:8081" help:"Address for /metrics and /debug/pprof/. It asks for no credentials: keep it private. Empty turns it off."`
	TLSCert     string `group:"Addresses" name:"tls-cert" placeholder:"FILE" help:"Certificate chain in PEM. With --tls-key, --listen speaks TLS."`
	TLSKey      string `group:"Addresses" name:"tls-key" placeholder:"FILE" help:"Private key in PEM of --tls-cert."`

	IngestKeysFile string   `group:"Access" placeholder:"FILE" help:"Keys of ingestors, one \"name:key\" a line, # for comments. Only who sends one of them in X-API-Key may publish."`
	InsecureNoAuth bool     `group:"Access" help:"Let everyone publish who can reach --listen, even if that is the whole world."`
	AllowedOrigins []string `group:"Access" placeholder:"ORIGIN" help:"Web pages that may connect, as https://app.example.com, or * for all. A page of the same host always may, and so may whatever is no browser."`

	RedisURL          string `group:"Redis" name:"redis-url" placeholder:"URL" help:"Redis that joins several instances to one backbone, as redis://host:6379/0, rediss:// for TLS, unix:///path, redis+sentinel://host:26379,host:26379/master-name or redis+cluster://host:6379,host:6379 (rediss+... with TLS). Without it the instance stands alone. One that holds a password may not be given as a flag."`
	RedisPasswordFile string `group:"Redis" placeholder:"FILE" help:"File that holds the password for --redis-url."`
	RedisPrefix       string `group:"Redis" default:"backbone:" help:"What the names of all Redis keys and channels begin with. Instances of one backbone share it."`

	LastPriceTTL   time.Duration `group:"Last prices" name:"last-price-ttl" default:"30s" min:"1ms" orzero:"" help:"How long after its ingestion a price greets new consumers. 0 keeps no prices: no warm starts."`
	MaxInstruments int           `group:"Last prices" default:"100000" min:"1" help:"Instruments whose newest price is kept. A price of one more is refused."`

	// A message of the largest size always fits into ClientQueueBytes.
	ClientQueueBytes int `group:"Limits" default:"262144" min:"65536" help:"Unsent bytes at which a consumer counts as slow and its prices are conflated. At least 65536."`
	Limits
	DrainTimeout time.Duration `group:"Limits" default:"5s" min:"1ms" orzero:"" help:"How long a stopping instance waits for what its clients have yet to take."`

	LogLevel  string `group:"Log" default:"info" enum:"debug,info,warn,error" help:"Least important line to log: ${enum}."`
	LogFormat string `group:"Log" default:"auto" enum:"auto,text,json" help:"How the log is written, to standard error: ${enum}. auto is text on a terminal and one JSON object a line elsewhere."`
}

// Default is the configuration of an instance that is told nothing.
func Default() Serve {
	var s Serve
	if err := kong.ApplyDefaults(&s); err != nil {
		panic("config: a default in a tag of Serve is wrong: " + err.Error())
	}
	return s
}
