package partition_test

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"backbone/internal/partition"
)

// crc16 continues the checksum by which a Redis Cluster divides keys, CRC-16/XMODEM, with
// the bytes of s.
func crc16(crc uint16, s string) uint16 {
	for i := range len(s) {
		crc ^= uint16(s[i]) << 8
		for range 8 {
			if carry := crc&0x8000 != 0; carry {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return crc
}

func slotOf(tag string) int { return int(crc16(0, tag)) % partition.Slots }

func TestChecksumIsThatOfRedis(t *testing.T) {
	if got := crc16(0, "123456789"); got != 0x31c3 { // the example of the Redis Cluster specification
		t.Errorf("crc16 is %x, want 31c3", got)
	}
}

// suffix appends letters to a text with the checksum crc until its slot is the wanted one.
// It returns "" if no suffix of that length leads there.
func suffix(crc uint16, slot, length int) string {
	for c := 'a'; c <= 'z'; c++ {
		next := crc16(crc, string(c))
		if length == 1 {
			if int(next)%partition.Slots == slot {
				return string(c)
			}
		} else if rest := suffix(next, slot, length-1); rest != "" {
			return string(c) + rest
		}
	}
	return ""
}

func searchTag(p int) string {
	number := strconv.Itoa(p)
	for length := 1; ; length++ {
		if s := suffix(crc16(0, number), partition.Slot(p), length); s != "" {
			return number + s
		}
	}
}

func TestTags(t *testing.T) {
	var want, got []string
	for p := range partition.Count {
		want, got = append(want, searchTag(p)), append(got, partition.Tag(p))
	}
	if slices.Equal(want, got) {
		return
	}
	var table strings.Builder
	for p, tag := range want {
		fmt.Fprintf(&table, "%q,", tag)
		table.WriteString([]string{" ", "\n"}[min(1, p%8/7)])
	}
	t.Errorf("the table of tags must be\n%s", &table)
}

func TestEveryTagHasTheSlotOfItsPartition(t *testing.T) {
	for p := range partition.Count {
		if got, want := slotOf(partition.Tag(p)), partition.Slot(p); got != want {
			t.Errorf("the tag %s of partition %d has slot %d, want %d", partition.Tag(p), p, got, want)
		}
	}
}

// cuts are the ways in which tools divide the slots between masters: where the range of
// master i begins.
var cuts = map[string]func(i, masters int) int{
	"rounded (redis-cli --cluster create)": func(i, masters int) int {
		return int(math.Round(float64(i) * float64(partition.Slots) / float64(masters)))
	},
	"whole ranges, the last master takes the rest": func(i, masters int) int {
		if i == masters {
			return partition.Slots
		}
		return i * (partition.Slots / masters)
	},
	"whole ranges, the first masters take one slot more": func(i, masters int) int {
		return i*(partition.Slots/masters) + min(i, partition.Slots%masters)
	},
}

// most is the largest number of partitions that one master holds.
func most(slots func(p int) int, begins func(i, masters int) int, masters int) (most int) {
	for i := range masters {
		held := 0
		for p := range partition.Count {
			if s := slots(p); begins(i, masters) <= s && s < begins(i+1, masters) {
				held++
			}
		}
		most = max(most, held)
	}
	return most
}

func TestMastersHoldEqualNumbersOfPartitions(t *testing.T) {
	byTag := func(p int) int { return slotOf(partition.Tag(p)) }
	for name, begins := range cuts {
		for masters := 1; masters <= 16; masters++ {
			fair := (partition.Count + masters - 1) / masters
			got := most(byTag, begins, masters)
			t.Logf("%s: %d masters, at most %d partitions; with the number as tag %d",
				name, masters, got, most(func(p int) int { return slotOf(strconv.Itoa(p)) }, begins, masters))
			if got > fair {
				t.Errorf("%s: one of %d masters holds %d partitions, want at most %d", name, masters, got, fair)
			}
		}
	}
}
