package bridge

import (
	"crypto/sha1" //nolint:gosec // Redis names scripts by it
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/redis/rueidis"

	"backbone/internal/bridge/wire"
)

// Two scripts write. Both compare the values of a call with those in Redis, store and publish
// in one step.
//
// A value in Redis counts only if an instance can have stored it: it begins with a version as
// wire.DecodeValue takes it, with a clock up to wire.MaxClock, and it will expire. Anything else
// is foreign and is replaced. Versions are compared by bytes, because Lua's < on strings follows
// the locale of the server.
//
// Where storing fails, as when memory is full, the events are published nevertheless and the
// failure reported.
const lua = `
local byte, find, sub = string.byte, string.find, string.sub
local form = '^{"version":"[012]' .. ('[0-9a-f]'):rep(15) .. '%-[0-9A-Za-z_.%-]+"'
local function ends(value) -- where the version of a value ends; nil: no instance stored it
  local _, last = find(value, form)
  return last and last <= 94 and last - 1
end
`

// fastScript is for calls of which Redis accepts every event, and almost all calls are such. It
// never looks at an event. KEYS are last prices. ARGV has
//
//   - the clocks of the first version of each key, 16 digits each without anything between,
//   - the number of messages;
//
// then for each message its channel and its text; then, until each key has its value,
//
//   - how many of the next keys live equally long,
//   - the milliseconds that they have left,
//   - the newest value of each of them, as it is stored.
//
// If each first clock is greater than the one in Redis, the script stores and publishes
// everything, and returns why it could not store, or "". Otherwise it has no effect and returns
// nil: the call is for fullScript. So is a call with a value in Redis that no instance can have
// stored.
const fastScript = lua + `
local function greater(clocks, i, value)
  local a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16 = byte(clocks, i, i + 15)
  local b1, b2, b3, b4, b5, b6, b7, b8, b9, b10, b11, b12, b13, b14, b15, b16 = byte(value, 13, 28)
  if a1 ~= b1 then return a1 > b1 end
  if a2 ~= b2 then return a2 > b2 end
  if a3 ~= b3 then return a3 > b3 end
  if a4 ~= b4 then return a4 > b4 end
  if a5 ~= b5 then return a5 > b5 end
  if a6 ~= b6 then return a6 > b6 end
  if a7 ~= b7 then return a7 > b7 end
  if a8 ~= b8 then return a8 > b8 end
  if a9 ~= b9 then return a9 > b9 end
  if a10 ~= b10 then return a10 > b10 end
  if a11 ~= b11 then return a11 > b11 end
  if a12 ~= b12 then return a12 > b12 end
  if a13 ~= b13 then return a13 > b13 end
  if a14 ~= b14 then return a14 > b14 end
  if a15 ~= b15 then return a15 > b15 end
  return a16 > b16
end
if #KEYS > 0 then
  local held, clocks = redis.call('MGET', unpack(KEYS)), ARGV[1]
  for i = 1, #KEYS do
    local value = held[i]
    if value and not (ends(value) and greater(clocks, 16 * i - 15, value)) then return false end
  end
end
local messages = tonumber(ARGV[2] or 0)
local failure, at, left, life = '', 3 + 2 * messages, 0, ''
for i = 1, #KEYS do
  if left == 0 then left, life, at = tonumber(ARGV[at]), ARGV[at + 1], at + 2 end
  local r = redis.pcall('SET', KEYS[i], ARGV[at], 'PX', life)
  if r.err then failure = r.err end
  left, at = left - 1, at + 1
end
for m = 3, 1 + 2 * messages, 2 do
  redis.call('PUBLISH', ARGV[m], ARGV[m + 1])
end
return failure
`

// fullScript decides on each event. KEYS are last prices. ARGV has for each message
//
//   - its channel; "": it is not published,
//   - its beginning,
//   - what is between its events, and what is behind the last,
//   - how many of the keys are its own,
//   - how many events it has;
//
// then for each event of the message
//
//   - the number of its key among the keys of the message; 0: it is neither stored nor compared,
//   - its version,
//   - milliseconds that it has left to live; 0: it is not stored,
//   - the event up to its payload,
//   - the payload,
//   - the beginning of the value, up to its payload.
//
// The script accepts an event whose version is newer than the one in Redis. Of each key it
// stores the newest event that it accepted. An expiry is looked for only where a value would
// refuse an event.
//
// The version in Redis may be offered again. That takes back what its life has grown while its
// first call was under way, except 0.1 s: what rounding and common delays make is not worth a
// write. A user without the right for PEXPIRE goes without.
//
// The script returns how many events it accepted, how many it refused for a newer version and
// how many for the same version, how many messages it published, how many foreign values it
// found, the newest version that refused an event, the failure, and the key of a foreign value.
const fullScript = lua + `
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
for i = 1, #KEYS do
  local value = held[i]
  local last = value and ends(value)
  held[i] = last and sub(value, 13, last) or ''
  if value and not last then replace(i) end
end
local accepted, older, same, newest, failure, messages = 0, 0, 0, '', '', 0
local at, base = 1, 0
while ARGV[at] do
  local channel, out, n, keep = ARGV[at], {ARGV[at + 1]}, 1, {}
  local first = at + 6
  local last = first + 6 * tonumber(ARGV[at + 5]) - 1
  for a = first, last, 6 do
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
      out[n + 1], out[n + 2], out[n + 3] = ARGV[a + 3], ARGV[a + 4], ARGV[at + 2]
      n = n + 3
      if key > 0 then
        held[key], sure[key] = version, true
        keep[key] = ARGV[a + 2] ~= '0' and a or nil
      end
    end
  end
  for key, a in pairs(keep) do
    local r = redis.pcall('SET', KEYS[key], ARGV[a + 5] .. ARGV[a + 4] .. '}', 'PX', ARGV[a + 2])
    if r.err then failure = r.err end
  end
  if n > 1 then
    accepted, messages = accepted + (n - 1) / 3, messages + 1
    out[n] = ARGV[at + 3]
    if channel ~= '' then redis.call('PUBLISH', channel, table.concat(out)) end
  end
  at, base = last + 1, base + tonumber(ARGV[at + 4])
end
return {accepted, older, same, messages, foreign, newest, failure, where}
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

// script is a script with the name that Redis gives it.
type script struct{ text, sha string }

// scripts are those that write.
type scripts struct{ fast, full script }

// newScripts returns the scripts that write. In a cluster they publish by slot.
func newScripts(bySlot bool) scripts {
	named := func(text string) script {
		if bySlot {
			text = strings.Replace(text, "'PUBLISH'", "'SPUBLISH'", 1)
		}
		sum := sha1.Sum([]byte(text)) //nolint:gosec // Redis names scripts by it
		return script{text, hex.EncodeToString(sum[:])}
	}
	return scripts{named(fastScript), named(fullScript)}
}

// written is what a call has done.
type written struct {
	accepted, older, same int    // events
	bundles               int    // published
	foreign               int    // values that no instance stored
	newest                string // version that refused an event; "": none did
	failure               string // of storing; "": none
	where                 string // key of a foreign value; "": there is none
}

// decodeFast reads the answer of fastScript to a call. refused says that the call is for
// fullScript.
func decodeFast(r rueidis.RedisResult, of call) (w written, refused bool, err error) {
	failure, err := r.ToString()
	if rueidis.IsRedisNil(err) {
		return w, true, nil
	}
	if err != nil {
		return w, false, err
	}
	return written{accepted: of.events(), bundles: len(of), failure: failure}, false, nil
}

// decodeFull reads the answer of fullScript.
func decodeFull(r rueidis.RedisResult) (w written, err error) {
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
