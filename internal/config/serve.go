package config

import (
	"time"

	"github.com/alecthomas/kong"
)

// Serve is the configuration of one instance. Its tags are the flags of "backbone serve".
type Serve struct {
	Listen      string `group:"Addresses" default:"127.0.0.1:8080" help:"Address for consumers and ingestors, or unix:/PATH for a Unix socket. Port 0 picks a free port, which the log names. An address that other machines can reach needs --ingest-keys-file, tokens or --tls-client-ca."`
	AdminListen string `group:"Addresses" default:"127.0.0.1:8081" empty:"variable" help:"Address for /metrics, profiles and health. Without --admin-token-file it asks for no credentials: keep it private. Empty turns it off."`
	Admin
	Proxies
	TLSCert     string `group:"Addresses" name:"tls-cert" placeholder:"FILE" help:"Certificate chain in PEM. With --tls-key, --listen speaks TLS."`
	TLSKey      string `group:"Addresses" name:"tls-key" placeholder:"FILE" help:"Private key of --tls-cert, in PEM."`
	TLSClientCA string `group:"Addresses" name:"tls-client-ca" placeholder:"FILE" help:"Certificates in PEM, one of which must have signed that of a client. A client with such a certificate needs no key: its name is the common name of the subject. Publishing then needs a certificate, a key or a token."`

	IngestKeysFile   string `group:"Access" placeholder:"FILE" help:"Keys of ingestors, one \"name:key\" a line, # for comments. A JSON array of patterns can follow a key, such as [\"BTC_*\"]: the instruments that may be published with it. Then only a client with one of the keys can publish, or with a token or a certificate where these are accepted."`
	ConsumerKeysFile string `group:"Access" placeholder:"FILE" help:"Keys of consumers, in the same form, with patterns of rooms. Without it, and without tokens, consumers need no credentials."`

	JWTKeyFile    string   `group:"Access" name:"jwt-key-file" placeholder:"FILE" help:"What tokens (JWT) are verified with: public keys or certificates in PEM, a JWK set, or a secret for HS256. Consumers and ingestors then need a token or one of the keys."`
	JWTJWKSURL    string   `group:"Access" name:"jwt-jwks-url" placeholder:"URL" help:"URL of the JWK set that tokens are verified with, in place of --jwt-key-file."`
	JWTIssuer     string   `group:"Access" name:"jwt-issuer" placeholder:"TEXT" help:"The claim iss that tokens must have. Without it any."`
	JWTAudience   string   `group:"Access" name:"jwt-audience" placeholder:"TEXT" help:"The claim aud that tokens must have, or have among others. Without it any."`
	JWTAlgorithms []string `group:"Access" name:"jwt-algorithms" default:"RS256,ES256,EdDSA" placeholder:"NAME" help:"Algorithms that tokens may be signed with. HS256 needs a secret in --jwt-key-file."`

	InsecureNoAuth bool     `group:"Access" help:"Let everyone who can reach --listen publish, even if that is the whole world."`
	AllowedOrigins []string `group:"Access" placeholder:"ORIGIN" help:"Origins of web pages that may connect, such as https://app.example.com, or * for all. Pages of the same host, and clients that are not browsers, can always connect."`

	RedisURL          string `group:"Redis" name:"redis-url" placeholder:"URL" help:"Redis that joins several instances into one backbone: redis://host:6379/0, rediss:// for TLS, unix:///path, redis+sentinel://host:26379,host:26379/master or redis+cluster://host:6379,host:6379 (rediss+... with TLS). Without it the instance works alone. A URL that holds a password is not accepted as a flag."`
	RedisPasswordFile string `group:"Redis" placeholder:"FILE" help:"File that holds the password for --redis-url."`
	RedisTLSCA        string `group:"Redis" name:"redis-tls-ca" placeholder:"FILE" help:"Certificates in PEM, one of which must have signed that of Redis. Without it those of this system."`
	RedisTLSCert      string `group:"Redis" name:"redis-tls-cert" placeholder:"FILE" help:"Certificate chain in PEM that Redis gets. With --redis-tls-key."`
	RedisTLSKey       string `group:"Redis" name:"redis-tls-key" placeholder:"FILE" help:"Private key of --redis-tls-cert, in PEM."`
	RedisPrefix       string `group:"Redis" default:"backbone:" help:"Prefix of all Redis keys and channels. Instances of one backbone share it."`

	RedisFormat        string        `group:"Redis" default:"auto" enum:"auto,1,2" help:"Form of messages to other instances: ${enum}. auto is 2 while all instances read it, and 1 while one of an older build is heard."`
	RedisStoreInterval time.Duration `group:"Redis" default:"0s" min:"1ms" orzero:"" help:"How often the price of an instrument is stored in Redis at most. 0: each price is stored as it is published. Otherwise prices are published at once and the newest is stored within this time, which costs Redis much less. Set it on all instances alike."`

	Upstream        []string `group:"Edge" placeholder:"URL" help:"Instance, as wss://host:port, from which this one, an edge, gets the rooms that its consumers join. Several, with commas or the flag repeated, are tried in turn. Excludes --redis-url. Nobody can publish to an edge."`
	UpstreamTLSCA   string   `group:"Edge" name:"upstream-tls-ca" placeholder:"FILE" help:"Certificates in PEM, one of which must have signed that of --upstream. Without it those of this system."`
	UpstreamKeyFile string   `group:"Edge" placeholder:"FILE" help:"Key or token for --upstream, where consumers need one there. Read again for each connection, and before a token expires."`

	LastPriceTTL   time.Duration `group:"Last prices" name:"last-price-ttl" default:"30s" min:"1ms" orzero:"" help:"How long after its ingestion a price is given to new consumers. 0: no prices are kept, so there are no warm starts."`
	MaxInstruments int           `group:"Last prices" default:"100000" min:"1" help:"Instruments whose newest price is kept. Beyond it, producers with fewer take places from those with more, and who holds most is refused."`

	MaxInstrumentsPerKey int `group:"Last prices" default:"0" min:"0" help:"Instruments that one ingestor's key may begin, or one connection where there are no keys. Beyond it new ones are refused. 0: a key may take all places."`

	// A message of the largest size always fits into ClientQueueBytes.
	ClientQueueBytes int `group:"Limits" default:"262144" min:"65536" help:"Unsent bytes at which a consumer counts as slow and its prices are conflated. At least 65536."`
	Limits
	MemoryLimit Bytes  `group:"Limits" default:"0" placeholder:"BYTES" help:"Memory of this process, as in 512MiB. Near it new connections are refused with 503. 0: no limit."`
	Chat        string `group:"Limits" default:"members" enum:"off,members" help:"Who may send chat messages: ${enum}. members are the consumers that are in the room."`
	RoomList    string `group:"Limits" default:"on" enum:"off,on" help:"Whether consumers may ask which rooms there are, and join all with a prefix: ${enum}. They are told of those that they may join."`

	MaxConnectionAge time.Duration `group:"Limits" default:"0s" min:"10s" orzero:"" help:"About how old a connection may grow, give or take a tenth. Then its client is told to connect again, and closed 5s later, so that clients spread over all instances again. 0: as old as it likes."`

	DrainDelay   time.Duration `group:"Stop" default:"0s" min:"1ms" orzero:"" help:"How long a stopping instance still serves while /readyz answers 503, so that load balancers look elsewhere first."`
	DrainWindow  time.Duration `group:"Stop" default:"2s" min:"1ms" orzero:"" help:"Time over which a stopping instance sends its clients elsewhere, after --drain-delay. It is no longer than --drain-timeout."`
	DrainTimeout time.Duration `group:"Stop" default:"4s" min:"1ms" orzero:"" help:"How long a stopping instance waits for its clients at most, after --drain-delay."`

	LogLevel  string `group:"Log" default:"info" enum:"debug,info,warn,error" help:"Lowest level that is logged: ${enum}."`
	LogFormat string `group:"Log" default:"auto" enum:"auto,text,json" help:"Format of the log on standard error: ${enum}. auto is text on a terminal and one JSON object a line elsewhere."`
}

// Default is the configuration of an instance without any flags.
func Default() Serve {
	var s Serve
	if err := kong.ApplyDefaults(&s); err != nil {
		panic("config: a default in a tag of Serve is wrong: " + err.Error())
	}
	return s
}
