package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"backbone/internal/config"
	"backbone/internal/rates"
)

func TestValidateNamesTheFlag(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*config.Serve)
		flag   string // expected in the error; empty: valid
	}{
		"no port":            {func(s *config.Serve) { s.Listen = "127.0.0.1" }, "listen"},
		"empty":              {func(s *config.Serve) { s.Listen = "" }, "listen"},
		"port too high":      {func(s *config.Serve) { s.Listen = "127.0.0.1:65536" }, "listen"},
		"port by name":       {func(s *config.Serve) { s.Listen = "127.0.0.1:http" }, "listen"},
		"any address":        {func(s *config.Serve) { s.Listen = "0.0.0.0:8080" }, "listen"},
		"no host":            {func(s *config.Serve) { s.Listen = ":8080" }, "listen"},
		"private network":    {func(s *config.Serve) { s.Listen = "10.0.0.1:8080" }, "listen"},
		"another name":       {func(s *config.Serve) { s.Listen = "example.com:8080" }, "listen"},
		"localhost":          {func(s *config.Serve) { s.Listen = "localhost:8080" }, ""},
		"IPv6":               {func(s *config.Serve) { s.Listen = "[::1]:0" }, ""},
		"mapped":             {func(s *config.Serve) { s.Listen = "[::ffff:127.0.0.1]:0" }, ""},
		"public with keys":   {func(s *config.Serve) { s.Listen, s.IngestKeysFile = ":8080", "keys" }, ""},
		"public on purpose":  {func(s *config.Serve) { s.Listen, s.InsecureNoAuth = ":8080", true }, ""},
		"keys and no auth":   {func(s *config.Serve) { s.IngestKeysFile, s.InsecureNoAuth = "keys", true }, "insecure-no-auth"},
		"no admin":           {func(s *config.Serve) { s.AdminListen = "" }, ""},
		"admin same":         {func(s *config.Serve) { s.AdminListen = s.Listen }, "admin-listen"},
		"both any port":      {func(s *config.Serve) { s.Listen, s.AdminListen = "127.0.0.1:0", "127.0.0.1:0" }, ""},
		"admin wrong":        {func(s *config.Serve) { s.AdminListen = "x" }, "admin-listen"},
		"cert alone":         {func(s *config.Serve) { s.TLSCert = "c.pem" }, "tls-cert"},
		"key alone":          {func(s *config.Serve) { s.TLSKey = "k.pem" }, "tls-key"},
		"origin":             {func(s *config.Serve) { s.AllowedOrigins = []string{"https://a.example", "*"} }, ""},
		"origin path":        {func(s *config.Serve) { s.AllowedOrigins = []string{"https://a.example/"} }, "allowed-origins"},
		"origin host alone":  {func(s *config.Serve) { s.AllowedOrigins = []string{"a.example"} }, "allowed-origins"},
		"origin pattern":     {func(s *config.Serve) { s.AllowedOrigins = []string{"https://*.example"} }, "allowed-origins"},
		"origin user":        {func(s *config.Serve) { s.AllowedOrigins = []string{"https://u@a.example"} }, "allowed-origins"},
		"queue too small":    {func(s *config.Serve) { s.ClientQueueBytes = 65535 }, "client-queue-bytes"},
		"queue too large":    {func(s *config.Serve) { s.ClientQueueBytes = 1<<30 + 1 }, "client-queue-bytes"},
		"redis":              {func(s *config.Serve) { s.RedisURL = "redis://localhost:6379/1" }, ""},
		"redis socket":       {func(s *config.Serve) { s.RedisURL = "unix:///run/redis.sock" }, ""},
		"redis sentinel":     {func(s *config.Serve) { s.RedisURL = "redis+sentinel://a:1,b:2/m?db=1" }, ""},
		"redis cluster":      {func(s *config.Serve) { s.RedisURL = "rediss+cluster://u@a:1,b:2" }, ""},
		"redis no master":    {func(s *config.Serve) { s.RedisURL = "redis+sentinel://a:1" }, "redis-url"},
		"redis http":         {func(s *config.Serve) { s.RedisURL = "http://localhost" }, "redis-url"},
		"redis no scheme":    {func(s *config.Serve) { s.RedisURL = "localhost:6379" }, "redis-url"},
		"redis no host":      {func(s *config.Serve) { s.RedisURL = "redis://" }, "redis-url"},
		"redis no URL":       {func(s *config.Serve) { s.RedisURL = "redis://%zz" }, "redis-url"},
		"password for none":  {func(s *config.Serve) { s.RedisPasswordFile = "f" }, "redis-password-file"},
		"redis CA for none":  {func(s *config.Serve) { s.RedisTLSCA = "f" }, "redis-tls-ca"},
		"redis CA, no TLS":   {func(s *config.Serve) { s.RedisURL, s.RedisTLSCA = "redis://h", "f" }, "redis-tls-ca"},
		"redis CA":           {func(s *config.Serve) { s.RedisURL, s.RedisTLSCA = "rediss://h", "f" }, ""},
		"public with tokens": {func(s *config.Serve) { s.Listen, s.JWTKeyFile = ":8080", "f" }, ""},
		"tokens by URL":      {func(s *config.Serve) { s.JWTJWKSURL, s.JWTIssuer, s.JWTAudience = "https://i/k?a=b", "i", "a" }, ""},
		"tokens of both":     {func(s *config.Serve) { s.JWTJWKSURL, s.JWTKeyFile = "https://i/k", "f" }, "jwt-jwks-url"},
		"tokens of ftp":      {func(s *config.Serve) { s.JWTJWKSURL = "ftp://i/k" }, "jwt-jwks-url"},
		"tokens, no host":    {func(s *config.Serve) { s.JWTJWKSURL = "https:/k" }, "jwt-jwks-url"},
		"tokens, password":   {func(s *config.Serve) { s.JWTJWKSURL = "https://u:p@i/k" }, "jwt-jwks-url"},
		"issuer of nothing":  {func(s *config.Serve) { s.JWTIssuer = "i" }, "jwt-issuer"},
		"nobody's audience":  {func(s *config.Serve) { s.JWTAudience = "a" }, "jwt-audience"},
		"HS256":              {func(s *config.Serve) { s.JWTKeyFile, s.JWTAlgorithms = "f", []string{"HS256"} }, ""},
		"HS256 by URL":       {func(s *config.Serve) { s.JWTJWKSURL, s.JWTAlgorithms = "https://i/k", []string{"RS256", "HS256"} }, "jwt-algorithms"},
		"algorithm none":     {func(s *config.Serve) { s.JWTKeyFile, s.JWTAlgorithms = "f", []string{"none"} }, "jwt-algorithms"},
		"no algorithm":       {func(s *config.Serve) { s.JWTKeyFile, s.JWTAlgorithms = "f", nil }, "jwt-algorithms"},
		"no proxy, of two":   {func(s *config.Serve) { s.TrustedProxies = []string{"10.0.0.0/8", "", "192.168.0.0/16"} }, "trusted-proxies"},
		"proxies":            {func(s *config.Serve) { s.TrustedProxies = []string{"10.0.0.0/8", "192.168.0.0/16"} }, ""},
		"upstream key":       {func(s *config.Serve) { s.Upstream, s.UpstreamKeyFile = []string{"wss://a"}, "f" }, ""},
		"key for no one":     {func(s *config.Serve) { s.UpstreamKeyFile = "f" }, "upstream-key-file"},
		"edge":               {func(s *config.Serve) { s.Upstream = []string{"wss://a", "ws://b:1"} }, ""},
		"edge in public":     {func(s *config.Serve) { s.Listen, s.Upstream = ":8080", []string{"wss://a"} }, ""},
		"edge of nothing":    {func(s *config.Serve) { s.Upstream = []string{"a:1"} }, "upstream"},
		"edge with password": {func(s *config.Serve) { s.Upstream = []string{"wss://u:p@a"} }, "upstream"},
		"edge and Redis":     {func(s *config.Serve) { s.Upstream, s.RedisURL = []string{"wss://a"}, "redis://h" }, "upstream"},
		"edge with keys":     {func(s *config.Serve) { s.Upstream, s.IngestKeysFile = []string{"wss://a"}, "keys" }, "upstream"},
		"edge for everyone":  {func(s *config.Serve) { s.Upstream, s.InsecureNoAuth = []string{"wss://a"}, true }, "upstream"},
		"edge without TTL":   {func(s *config.Serve) { s.Upstream, s.LastPriceTTL = []string{"wss://a"}, 0 }, "last-price-ttl"},
		"edge CA":            {func(s *config.Serve) { s.Upstream, s.UpstreamTLSCA = []string{"wss://a"}, "f" }, ""},
		"edge CA, no TLS":    {func(s *config.Serve) { s.Upstream, s.UpstreamTLSCA = []string{"ws://a"}, "f" }, "upstream-tls-ca"},
		"edge CA for none":   {func(s *config.Serve) { s.UpstreamTLSCA = "f" }, "upstream-tls-ca"},
		"redis cert alone":   {func(s *config.Serve) { s.RedisURL, s.RedisTLSCert = "rediss://h", "f" }, "redis-tls-cert"},
		"redis key alone":    {func(s *config.Serve) { s.RedisURL, s.RedisTLSKey = "rediss://h", "f" }, "redis-tls-key"},
		"redis cert, no TLS": {func(s *config.Serve) { s.RedisURL, s.RedisTLSCert, s.RedisTLSKey = "unix:///s", "f", "f" }, "redis-tls-cert"},
		"two passwords":      {func(s *config.Serve) { s.RedisURL, s.RedisPasswordFile = "redis://:a@h", "f" }, "redis-password-file"},
		"prefix with brace":  {func(s *config.Serve) { s.RedisURL, s.RedisPrefix = "redis://h", "a{b}" }, "redis-prefix"},
		"prefix with accent": {func(s *config.Serve) { s.RedisURL, s.RedisPrefix = "redis://h", "pr\u00e9fix:" }, "redis-prefix"},
		"prefix, unprinted":  {func(s *config.Serve) { s.RedisURL, s.RedisPrefix = "redis://h", "a\x01b" }, "redis-prefix"},
		"prefix with blank":  {func(s *config.Serve) { s.RedisURL, s.RedisPrefix = "redis://h", "a b" }, "redis-prefix"},
		"no prefix":          {func(s *config.Serve) { s.RedisURL, s.RedisPrefix = "redis://h", "" }, "redis-prefix"},
		"long prefix":        {func(s *config.Serve) { s.RedisURL, s.RedisPrefix = "redis://h", strings.Repeat("p", 129) }, "redis-prefix"},
		"prefix":             {func(s *config.Serve) { s.RedisURL, s.RedisPrefix = "redis://h", strings.Repeat("~", 128) }, ""},
		"store interval":     {func(s *config.Serve) { s.RedisURL, s.RedisStoreInterval = "redis://h", 15*time.Second }, ""},
		"rare storing":       {func(s *config.Serve) { s.RedisURL, s.RedisStoreInterval = "redis://h", 15*time.Second+1 }, "redis-store-interval"},
		"storing, no TTL":    {func(s *config.Serve) { s.RedisURL, s.RedisStoreInterval, s.LastPriceTTL = "redis://h", time.Hour, 0 }, ""},
		"tiny interval":      {func(s *config.Serve) { s.RedisStoreInterval = time.Microsecond }, "redis-store-interval"},
		"storing nowhere":    {func(s *config.Serve) { s.RedisStoreInterval = time.Second }, "redis-store-interval"},
		"prefix of nothing":  {func(s *config.Serve) { s.RedisPrefix = "mine:" }, "redis-prefix"},
		"form for nobody":    {func(s *config.Serve) { s.RedisFormat = "1" }, "redis-format"},
		"negative TTL":       {func(s *config.Serve) { s.LastPriceTTL = -time.Second }, "last-price-ttl"},
		"no TTL":             {func(s *config.Serve) { s.LastPriceTTL = 0 }, ""},
		"tiny TTL":           {func(s *config.Serve) { s.LastPriceTTL = time.Microsecond }, "last-price-ttl"},
		"no ping":            {func(s *config.Serve) { s.PingInterval = 0 }, "ping-interval"},
		"no pong":            {func(s *config.Serve) { s.PongTimeout = 0 }, "pong-timeout"},
		"no write":           {func(s *config.Serve) { s.WriteTimeout = -1 }, "write-timeout"},
		"no drain":           {func(s *config.Serve) { s.DrainTimeout = 0 }, ""},
		"small queue":        {func(s *config.Serve) { s.ClientQueueBytes = 65535 }, "client-queue-bytes"},
		"smallest queue":     {func(s *config.Serve) { s.ClientQueueBytes = 65536 }, ""},
		"no instruments":     {func(s *config.Serve) { s.MaxInstruments = 0 }, "max-instruments"},
		"no rooms":           {func(s *config.Serve) { s.MaxRooms = 0 }, "max-rooms"},
		"no bad":             {func(s *config.Serve) { s.MaxBadMessages = 0 }, "max-bad-messages"},
		"negative rate":      {func(s *config.Serve) { s.MaxMessageRate.PerSecond = -1 }, "max-message-rate"},
		"no burst":           {func(s *config.Serve) { s.MaxConnectionRate.PerSecond = 1 }, "max-connection-rate"},
		"no handshakes":      {func(s *config.Serve) { s.HandshakeTimeout = 0 }, "handshake-timeout"},
		"negative total":     {func(s *config.Serve) { s.MaxRoomsTotal = -1 }, "max-rooms-total"},
		"room list":          {func(s *config.Serve) { s.RoomList = "yes" }, "room-list"},
		"chat":               {func(s *config.Serve) { s.Chat = "all" }, "chat"},
		"little memory":      {func(s *config.Serve) { s.MemoryLimit = 32<<20 - 1 }, "memory-limit"},
		"some memory":        {func(s *config.Serve) { s.MemoryLimit = 32 << 20 }, ""},
		"negative conns":     {func(s *config.Serve) { s.MaxConnections = -1 }, "max-connections"},
		"negative per addr":  {func(s *config.Serve) { s.MaxConnectionsPerAddress = -1 }, "max-connections-per-address"},
		"negative buffer":    {func(s *config.Serve) { s.SocketSendBuffer = -1 }, "socket-send-buffer"},
		"level":              {func(s *config.Serve) { s.LogLevel = "trace" }, "log-level"},
		"format":             {func(s *config.Serve) { s.LogFormat = "xml" }, "log-format"},
		"a rate and a limit": {func(s *config.Serve) { s.MaxMessageRate, s.MaxConnections = rates.Rate{PerSecond: 100, Burst: 1}, 5 }, ""},
	} {
		s := config.Default()
		c.change(&s)
		err := s.Validate()
		var wrong *config.Error
		switch {
		case c.flag == "" && err != nil:
			t.Errorf("%s: %v, want no error", name, err)
		case c.flag != "" && (!errors.As(err, &wrong) || wrong.Flag != c.flag || !strings.HasPrefix(err.Error(), "--"+c.flag+" ")):
			t.Errorf("%s: error %v, want one about --%s", name, err, c.flag)
		}
	}
}

// Of several flags that are wrong the first is named, in every run.
func TestTheFirstOfSeveralWrongFlagsIsNamed(t *testing.T) {
	for _, c := range []struct{ url, password, flag string }{
		{"", "f", "redis-password-file"},
		{"", "", "redis-tls-ca"},
		{"redis://h", "f", "redis-tls-ca"},
	} {
		s := config.Default()
		s.RedisURL, s.RedisPasswordFile, s.RedisTLSCA, s.RedisTLSCert, s.RedisTLSKey = c.url, c.password, "f", "f", "f"
		for range 50 {
			if wrong, ok := errors.AsType[*config.Error](s.Validate()); !ok || wrong.Flag != c.flag {
				t.Fatalf("%+v: %v", c, wrong)
			}
		}
	}
}

func TestAPasswordIsTakenFromFileAndEnvironmentAlone(t *testing.T) {
	const secret = "hunter2hunter2"
	if _, err := parse(t, "--redis-url", "redis://:"+secret+"@localhost:6379"); err == nil ||
		!strings.Contains(err.Error(), "BACKBONE_REDIS_URL") || strings.Contains(err.Error(), secret) {
		t.Errorf("as a flag: error %v, want one that says what to do and hides the password", err)
	}
	if _, err := parse(t, "--redis-url", "redis+sentinel://a:1,b:2/m?sentinel_password="+secret); err == nil || strings.Contains(err.Error(), secret) {
		t.Errorf("that of sentinels as a flag: error %v, want one that hides it", err)
	}
	if got, err := parse(t, "--redis-url", "redis://user@localhost:6379"); err != nil {
		t.Errorf("a flag without a password: %q, %v", got.RedisURL, err)
	}
	if _, err := parse(t, "--config", write(t, "redis-url: redis://:"+secret+"@localhost:6379")); err != nil {
		t.Errorf("in a file: %v", err)
	}
	t.Setenv("BACKBONE_REDIS_URL", "redis://:"+secret+"@localhost:6379")
	if got, err := parse(t); err != nil || !strings.Contains(got.RedisURL, secret) {
		t.Errorf("in the environment: %q, %v", got.RedisURL, err)
	}
}

func TestNoErrorShowsThePassword(t *testing.T) {
	const secret = "hunter2hunter2"
	for _, wrong := range []string{"http://:" + secret + "@h", "redis://:" + secret + "%@h", "redis://:" + secret + "@", "redis://u:" + secret + "@h:port", "http+sentinel://h?sentinel_password=" + secret} {
		if err := config.CheckRedisURL(wrong); err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: error %v", wrong, err)
		}
	}
}

func TestThePasswordFileGoesIntoTheAddress(t *testing.T) {
	s := config.Default()
	s.RedisURL = "redis://user@localhost:6379/2"
	if got, err := s.RedisAddress(); err != nil || got != s.RedisURL {
		t.Errorf("without a file: %q, %v", got, err)
	}
	s.RedisPasswordFile = filepath.Join(t.TempDir(), "password")
	if _, err := s.RedisAddress(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("absent file: %v", err)
	}
	if err := os.WriteFile(s.RedisPasswordFile, []byte("a/b@c\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := s.RedisAddress(); err != nil || got != "redis://user:a%2Fb%40c@localhost:6379/2" {
		t.Errorf("got %q, %v", got, err)
	}
	s.RedisURL = "redis+sentinel://user@a:1,b:2/m?db=1"
	if got, err := s.RedisAddress(); err != nil || got != "redis+sentinel://user:a%2Fb%40c@a:1,b:2/m?db=1" {
		t.Errorf("got %q, %v", got, err)
	}
	if err := os.WriteFile(s.RedisPasswordFile, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var wrong *config.Error
	if _, err := s.RedisAddress(); !errors.As(err, &wrong) {
		t.Errorf("empty file: %v", err)
	}
}
