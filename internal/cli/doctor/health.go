package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"backbone/internal/human"
	"backbone/protocol"
)

// maxBody is more than an instance answers.
const maxBody = 4 << 20

// readiness is what an instance says of itself.
type readiness struct {
	Status, Bridge, Upstream string
	Since                    int64 `json:"since_ms"`
	Shards                   []struct{ Name, Bridge, Cause string }
}

// health asks the server how it is, and how its Redis is. Not all proxies pass that page on.
func (p *patient) health(ctx context.Context) bool {
	r, _, err := p.find(ctx)
	if err != nil {
		p.report.warn("ready", fmt.Sprintf("%s does not say how the instance is: %v", protocol.PathReady, err), "a proxy may keep that page; nothing else needs it")
		return true
	}
	if r.Status != "ready" {
		p.report.warn("ready", "the instance says "+r.Status, "it stops or restarts: use another one, or wait")
	} else {
		p.report.ok("ready", "the instance takes clients")
	}
	since := ""
	if r.Since > 0 {
		since = " for " + time.Since(time.UnixMilli(r.Since)).Round(time.Second).String()
	}
	switch {
	case r.Upstream == "away":
		p.report.fail("upstream", "the edge has lost its upstream"+since, "its consumers get no prices: is that instance up? See --upstream, and the log")
	case r.Bridge == "off":
		p.report.ok("redis", "none: the instance works alone")
	case r.Bridge == "ok" && r.Upstream != "":
		p.report.ok("upstream", "connected")
	case r.Bridge == "ok":
		p.report.ok("redis", "connected%s", since)
	case r.Upstream != "":
		p.report.fail("upstream", "the upstream has lost its other instances"+since, "ask the doctor about that instance")
	default:
		why, todo := "", causes["other"]
		for _, s := range r.Shards {
			if s.Cause != "" {
				why += fmt.Sprintf("; %s: %s", s.Name, s.Cause)
				if advice, known := causes[s.Cause]; known {
					todo = advice
				}
			}
		}
		p.report.fail("redis", fmt.Sprintf("the instance says %s%s%s", r.Bridge, since, why), "prices of other instances do not come: "+todo)
	}
	return true
}

// causes are what to do about each cause that an instance tells.
var causes = map[string]string{
	"unreachable": "is Redis up, and does a firewall let the instance reach it? See --redis-url",
	"host name":   "correct the name in --redis-url, or the name servers of the instance's machine",
	"timeout":     "Redis, or the way to it, hangs: look at its load",
	"lost":        "Redis ended the connection: does it run, and is it restarting?",
	"certificate": "the instance does not trust the certificate of Redis: see --redis-tls-ca",
	"password":    "correct the password, see --redis-password-file",
	"rights":      "give the user of Redis the rights that the log names",
	"maxclients":  "raise maxclients of Redis, or end other clients of it",
	"RESP3":       "use a Redis of version 6 or newer",
	"command":     "allow the command in Redis that the log names",
	"memory":      "Redis is full: raise maxmemory, or set an eviction policy",
	"TLS":         "begin --redis-url with rediss://",
	"other":       "the log of the instance has the reason",
}

// find looks for the page under the path of the URL, and then without it. It returns where it is.
func (p *patient) find(ctx context.Context) (readiness, string, error) {
	at := p.web(protocol.PathReady)
	r, err := p.ready(ctx, at.String())
	if at.Path != protocol.PathReady && err != nil {
		at.Path = protocol.PathReady
		r, err = p.ready(ctx, at.String())
	}
	return r, at.Path, err
}

// ready gets the page at a URL.
func (p *patient) ready(ctx context.Context, url string) (r readiness, err error) {
	ctx, cancel := context.WithTimeout(ctx, p.cmd.ConnectTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return r, err
	}
	resp, err := p.client(true).Do(req)
	if err != nil {
		return r, human.Cause(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err != nil {
		return r, err
	}
	if json.Unmarshal(body, &r) != nil || r.Status == "" {
		return r, fmt.Errorf("the answer is %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	}
	return r, nil
}

// instance asks the admin address for the version and the limits, if it was named.
func (p *patient) instance(ctx context.Context) bool {
	if p.cmd.AdminURL == "" {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, p.cmd.ConnectTimeout)
	defer cancel()
	admin := p.cmd.admin()
	if err := admin.Validate(); err != nil {
		return p.report.fail("instance", err.Error(), "correct --admin-url")
	}
	resp, err := admin.Get(ctx, admin.URLs[0], "/metrics")
	if err != nil {
		return p.report.fail("instance", "the admin address does not answer: "+err.Error(), "see --admin-listen of the instance")
	}
	defer resp.Body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(io.LimitReader(resp.Body, maxBody))
	if resp.StatusCode != http.StatusOK || err != nil {
		return p.report.fail("instance", fmt.Sprintf("the admin address answers %d %s", resp.StatusCode, http.StatusText(resp.StatusCode)), "give --admin-token-file if it asks for a token")
	}
	by := func(family string) map[string]float64 {
		values := map[string]float64{}
		for _, m := range families[family].GetMetric() {
			for _, label := range m.GetLabel() { // there is one
				values[label.GetValue()] = m.GetGauge().GetValue()
			}
		}
		return values
	}
	version := "unknown"
	for v := range by("backbone_build_info") {
		version = v
	}
	limits, used := by("backbone_limit"), by("backbone_limit_used")
	texts := []string{"version " + version, fmt.Sprintf("%.0f rooms for each consumer", limits["rooms"])}
	full := ""
	for _, name := range []string{"connections", "rooms_total", "instruments", "memory"} {
		if limits[name] == 0 {
			continue
		}
		texts = append(texts, fmt.Sprintf("%.0f%% of %s used", 100*used[name]/limits[name], strings.ReplaceAll(name, "_", " ")))
		if used[name] >= 0.9*limits[name] {
			full = name
		}
	}
	text := strings.Join(texts, ", ")
	if full != "" {
		p.report.warn("instance", text, fmt.Sprintf("raise the limit (--max-%s and the like) before clients are refused", strings.ReplaceAll(full, "_", "-")))
	} else {
		p.report.ok("instance", "%s", text)
	}
	return true
}
