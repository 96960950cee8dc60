package bridge

import (
	"crypto/sha1" //nolint:gosec // Redis names scripts by it
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/redis/rueidis"

	"backbone/internal/bridge/wire"
)

// writeScript stores and publishes bundles. KEYS are last prices. ARGV has for each bundle
//
//   - its channel,
//   - the beginning of its envelope,
//   - how many of the keys are its own,
//   - how many events it has;
//
// then for each event of the bundle
//
//   - the number of its key among the keys of the bundle; 0: it is neither stored nor compared,
//   - its version,
//   - milliseconds that it has left to live; 0: it is not stored,
//   - the event up to its payload,
//   - the payload.
//
// The script accepts an event whose version is newer than the one in Redis. Of each key it
// stores the newest event that it accepted. Versions are compared by bytes, because Lua's < on
// strings follows the locale of the server.
//
// A value in Redis counts only if an instance can have stored it: it begins with a version as
// wire.DecodeValue takes it, with a clock up to wire.MaxClock, and it will expire. Anything else
// is foreign and is replaced. An expiry is looked for only where the value would refuse an
// event.
//
// The version in Redis may be offered again. That takes back what its life has grown while its
// first call was under way, except 0.1 s: what rounding and common delays make is not worth a
// write. A user without the right for PEXPIRE goes without.
//
// What the value keeps of the event's numbers is between its version and its age.
//
// Where storing fails, as when memory is full, the bundle is published nevertheless and the
// failure reported.
//
// The script returns how many events it accepted, how many it refused for a newer version and
// how many for the same version, how many bundles it published, how many foreign values it
// found, the newest version that refused an event, the failure, and the key of a foreign value.
const writeScript = `
local byte = string.byte
local function newer(a, b)
  local i = 1
  while true do
    local a1, a2, a3, a4 = byte(a, i, i + 3)
    local b1, b2, b3, b4 = byte(b, i, i + 3)
    if a1 ~= b1 then return (a1 or 0) > (b1 or 0) end
    if a2 ~= b2 then return (a2 or 0) > (b2 or 0) end
    if a3 ~= b3 then return (a3 or 0) > (b3 or 0) end
    if a4 ~= b4 then return (a4 or 0) > (b4 or 0) end
    if not a4 then return false end
    i = i + 4
  end
end
local held, sure, foreign, where = {}, {}, 0, ''
local function replace(i)
  held[i], sure[i], foreign, where = '', true, foreign + 1, KEYS[i]
end
if #KEYS > 0 then held = redis.call('MGET', unpack(KEYS)) end
local form = '^{"version":"([012]' .. ('[0-9a-f]'):rep(15) .. '%-[0-9A-Za-z_.%-]+)"'
for i = 1, #KEYS do
  local value = held[i]
  held[i] = value and value:match(form) or ''
  if value and (held[i] == '' or #held[i] > 81) then replace(i) end
end
local accepted, older, same, newest, failure, bundles = 0, 0, 0, '', '', 0
local at, base = 1, 0
while ARGV[at] do
  local channel, out, n, keep = ARGV[at], {ARGV[at + 1]}, 1, {}
  local first = at + 4
  local last = first + 5 * tonumber(ARGV[at + 3]) - 1
  for a = first, last, 5 do
    local key, version = tonumber(ARGV[a]), ARGV[a + 1]
    local behind = false
    if key > 0 then
      key = base + key
      behind = held[key] ~= version and not newer(version, held[key])
      if behind and not sure[key] then
        sure[key] = true
        if redis.call('PTTL', KEYS[key]) < 0 then
          replace(key)
          behind = false
        end
      end
    end
    if key > 0 and held[key] == version then
      same = same + 1
      local left, offered = redis.call('PTTL', KEYS[key]), tonumber(ARGV[a + 2])
      if left < 0 or left > offered + 100 then redis.pcall('PEXPIRE', KEYS[key], offered) end
    elseif behind then
      older = older + 1
      if newer(held[key], newest) then newest = held[key] end
    else
      out[n + 1], out[n + 2], out[n + 3] = ARGV[a + 3], ARGV[a + 4], '},'
      n = n + 3
      if key > 0 then
        held[key], sure[key] = version, true
        keep[key] = ARGV[a + 2] ~= '0' and a or nil
      end
    end
  end
  for key, a in pairs(keep) do
    local numbers = ARGV[a + 3]:match(',("seq":.*)"age":%d+,"data":$') or ''
    local r = redis.pcall('SET', KEYS[key],
      '{"version":"' .. ARGV[a + 1] .. '",' .. numbers .. '"event":' .. ARGV[a + 4] .. '}', 'PX', ARGV[a + 2])
    if r.err then failure = r.err end
  end
  if n > 1 then
    accepted, bundles = accepted + (n - 1) / 3, bundles + 1
    out[n] = '}]}'
    redis.call('PUBLISH', channel, table.concat(out))
  end
  at, base = last + 1, base + tonumber(ARGV[at + 2])
end
return {accepted, older, same, bundles, foreign, newest, failure, where}
`

// readScript returns the value and the remaining milliseconds of each key, both of one moment.
// A value of another type, or of more bytes than ARGV[1], is returned as empty: one such key
// must neither fail the call for others nor take their time.
const readScript = `
local out = {}
for i, key in ipairs(KEYS) do
  local value = redis.pcall('GET', key)
  if type(value) == 'table' then
    if not value.err:find('WRONGTYPE', 1, true) then return value end
    value = ''
  elseif value and #value > tonumber(ARGV[1]) then
    value = ''
  end
  out[2 * i - 1] = value
  out[2 * i] = redis.call('PTTL', key)
end
return out
`

// script is the write script with the name that Redis gives it.
type script struct{ text, sha string }

// newScript returns the write script. In a cluster it publishes by slot.
func newScript(bySlot bool) script {
	text := writeScript
	if bySlot {
		text = strings.Replace(text, "'PUBLISH'", "'SPUBLISH'", 1)
	}
	sum := sha1.Sum([]byte(text)) //nolint:gosec // Redis names scripts by it
	return script{text, hex.EncodeToString(sum[:])}
}

// written is the answer of writeScript.
type written struct {
	accepted, older, same int    // events
	bundles               int    // published
	foreign               int    // values that no instance stored
	newest                string // version that refused an event; "": none did
	failure               string // of storing; "": none
	where                 string // key of a foreign value; "": there is none
}

func decodeWritten(r rueidis.RedisResult) (w written, err error) {
	fields, err := r.ToArray()
	if err != nil {
		return w, err
	}
	if len(fields) != 8 {
		return w, fmt.Errorf("the write script answered %d fields, not 8", len(fields))
	}
	for i, to := range []*int{&w.accepted, &w.older, &w.same, &w.bundles, &w.foreign} {
		n, err := fields[i].AsInt64()
		if err != nil {
			return w, fmt.Errorf("the write script answered: %w", err)
		}
		*to = int(n)
	}
	for i, to := range []*string{&w.newest, &w.failure, &w.where} {
		if *to, err = fields[5+i].ToString(); err != nil {
			return w, fmt.Errorf("the write script answered: %w", err)
		}
	}
	return w, nil
}

// clock is the clock of the newest version that refused an event, 0 if there is none.
func (w written) clock() uint64 {
	if len(w.newest) < 16 {
		return 0
	}
	clock, ok := wire.ParseClock(w.newest[:16])
	if !ok {
		return 0
	}
	return clock
}

// demoted reports whether storing failed because the server is a replica now.
func (w written) demoted() bool { return strings.Contains(w.failure, "READONLY") }
